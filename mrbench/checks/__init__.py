"""`mrbench check`: recipes, baselines, and the formats in which findings are reported."""
