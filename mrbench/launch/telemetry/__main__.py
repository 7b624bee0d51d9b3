"""Start the program: `python -I -S .../telemetry/__main__.py PATH FILE PROCESS [--gpus] [...]`.

PATH: where to find mrbench's own packages, as in beside.search_path. FILE is made, and must not be
there yet; PROCESS is the one whose descendants the training is.
"""

import os
import sys

# Last, so that nothing installed beside mrbench can hide the standard library.
top = __file__
for _ in range(4):  # launch/<this>/__main__.py lies four below what holds mrbench
    top = os.path.dirname(top)  # noqa: PTH120 - pathlib costs a tenth of the start
sys.path += [top, *sys.argv[1].split(os.pathsep)]

from mrbench.launch.telemetry.program import main  # noqa: E402 - found there

main(sys.argv[2:])
