"""mrbench: reproducible training-throughput benchmarks of other people's code.

`load_runs`, `load_run` and `parse_log` are for other Python programs; see docs/python.md.
"""

import os
import sys

__version__ = "0.5.0"
__all__ = ("__version__", "load_run", "load_runs", "parse_log")


def __getattr__(name: str) -> object:
    """Import what is offered to Python when it is asked for: the command line does not need it."""
    if name in __all__:
        return getattr(__import__("mrbench.api", fromlist=[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
