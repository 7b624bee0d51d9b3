"""Start the shim: `python -I -S .../shim/__main__.py`, where no search path leads to mrbench."""

import os
import sys

# Last, so that nothing installed beside mrbench can hide the standard library.
sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120 - pathlib costs a tenth of the start

from mrbench.shim.supervise import main

main()
