"""Start a training, capture what it prints, and watch the machine while it trains."""
