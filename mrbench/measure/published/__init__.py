"""What a published rule makes of a log, and why that differs from work over time."""
