"""Start the program: `python -I -S .../telemetry/__main__.py FILE PROCESS [--gpus] [--before P]`.

FILE is made, and must not be there yet; PROCESS is the one whose descendants the training is.
"""

import os
import sys

# Last, so that nothing installed beside mrbench can hide the standard library.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120 - pathlib costs a tenth of the start

from mrbench.telemetry.program import main

main(sys.argv[1:])
