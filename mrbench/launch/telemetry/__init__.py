"""What GPUs, host and the training's processes do while it trains: a program, and its summary.

`python -I -S .../telemetry/__main__.py` runs beside the training: program, gpu_sampler, host and
tree. What mrbench does with it is in beside (starting it), reading, summary, and wording.
"""
