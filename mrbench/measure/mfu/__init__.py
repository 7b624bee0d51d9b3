"""Model FLOPs utilisation: formulas of operations, dense peaks of GPUs, the share of a peak."""
