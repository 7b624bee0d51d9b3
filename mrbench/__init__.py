"""mrbench: reproducible training-throughput benchmarks of other people's code."""

import os
import sys

__version__ = "0.3.0"


def _own_packages_first() -> None:
    """Look in PYTHONPATH last: it may hold another Python's psutil, yaml or git.

    But for the entry where this very mrbench was found.
    """
    mine = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib would take a tenth of the start
    named = {os.path.abspath(p) for p in os.environ["PYTHONPATH"].split(os.pathsep) if p}  # noqa: PTH100 - as above
    foreign = [path for path in sys.path if path in named and path != mine]
    sys.path[:] = [path for path in sys.path if path not in foreign] + foreign


# As a program only: of whoever imports mrbench, the path is his own.
if os.environ.get("PYTHONPATH") and os.path.basename(sys.argv[0]) in ("-m", "mrbench"):  # noqa: PTH119 - as above
    _own_packages_first()
