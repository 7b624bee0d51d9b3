# What type checkers see: the functions that __init__.py imports late.
from mrbench.api import load_run as load_run
from mrbench.api import load_runs as load_runs
from mrbench.api import parse_log as parse_log

__version__: str
