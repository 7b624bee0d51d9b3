"""mrbench: reproducible training-throughput benchmarks of other people's code."""

__version__ = "0.3.0"
