"""`python -m mrbench`, and the entry point of the installed command."""

import contextlib
import gc
import os
import sys


def main() -> None:
    """Run the command line and end with its code."""
    gc.disable()  # until all is imported: nothing of that is garbage
    from mrbench import cli  # noqa: PLC0415 - after that

    code = cli.main()
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed by who called
        with contextlib.suppress(OSError):  # a reader that has gone
            stream.flush()
    os._exit(code)  # taking the interpreter apart would take 10 ms and change nothing


if __name__ == "__main__":
    main()
