"""Start the shim: `python -I -S .../shim/__main__.py`, where no search path leads to mrbench."""

import os
import sys

# Last, so that nothing installed beside mrbench can hide the standard library.
top = __file__
for _ in range(4):  # prepare/<this>/__main__.py lies four below what holds mrbench
    top = os.path.dirname(top)  # noqa: PTH120 - pathlib costs a tenth of the start
sys.path.append(top)

from mrbench.prepare.shim.supervise import main  # noqa: E402 - found there

main()
