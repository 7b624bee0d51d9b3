"""`mrbench --version` against bare `python -c pass` of the same interpreter: at most 3 times."""

import sys
from pathlib import Path

from timing import time_commands

LIMIT = 3.0


def main() -> None:
    """Print both times and their ratio."""
    mrbench = str(Path(sys.executable).parent / "mrbench")
    commands = {"bare": [sys.executable, "-c", "pass"], "version": [mrbench, "--version"]}
    seconds = time_commands(commands, runs=30, cwd=Path.cwd())
    ratio = seconds["version"] / seconds["bare"]
    print(
        f"python -c pass {1000 * seconds['bare']:.1f} ms,"
        f" mrbench --version {1000 * seconds['version']:.1f} ms:"
        f" ratio {ratio:.2f} (limit {LIMIT})"
    )
