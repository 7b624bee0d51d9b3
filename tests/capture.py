"""Print what a terminal shows while mrbench runs: `python tests/capture.py` made that of the docs.

Words after the script's name are mrbench's, by default those of the demo.
"""

import re
import sys
from pathlib import Path

from terminal import mrbench_on

AT = 300  # iteration
DEMO = ("run", "--suite", "demo")


def main() -> None:
    """Run on 80 columns, as far as the window's middle; it is then interrupted."""
    with mrbench_on(80, 24, *(sys.argv[1:] or DEMO), cwd=Path.cwd()) as (terminal, process):
        lines = terminal.look()
        while process.poll() is None and not _far_enough(lines):
            lines = terminal.look()
    sys.stdout.write("\n".join(lines).rstrip() + "\n")


def _far_enough(lines: list[str]) -> bool:
    found = re.search(r"iteration (\d+)/", "\n".join(lines))
    return found is not None and int(found[1]) >= AT


if __name__ == "__main__":
    main()
