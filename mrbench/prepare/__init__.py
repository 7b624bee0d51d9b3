"""Make a plan real: source, environment, data, weights, and the job."""
