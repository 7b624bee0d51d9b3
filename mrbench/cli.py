"""What users type: the argument tree, and the one place where errors become text and exit codes."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from mrbench import __version__
from mrbench.errors import MrbenchError

BUG = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130
# Command: what its line of help says; the module of mrbench.commands has its name.
COMMANDS = {
    "run": "train and measure; writes a record for each run",
    "status": "tell what is queued or running on a cluster",
    "collect": "finish the records of runs on a cluster",
    "prepare": "do everything up to the launch",
    "data": "draw a small dataset, or check a folder of COCO",
    "doctor": "tell what this machine lacks for a run",
    "lock": "write the lock files of environments",
    "mirror": "take all that a suite needs to machines without internet",
    "cleanup": "remove what runs left that were killed with all their processes",
    "table": "compare the runs of a suite",
    "parse": "measure an existing log",
    "report": "write a page with all figures of many runs",
    "show": "tell all about one run",
    "verify": "compute a run's number again, and check all that its record says",
    "compare": "tell in what two runs differ, and whether their numbers may be compared",
    "pack": "make one archive of a run, without secrets and host names",
    "list": "show suites and recipes",
    "schema": "print the JSON Schema of recipes, for editors",
}


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one per kind of end
    """Run one command; return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    parser = make_parser(words[0] if words else "")
    args = parser.parse_args(words)
    if args.command is None:
        parser.print_help()
        return 2
    try:
        _make_ready(args)
        gc.freeze()  # later collections need not look at what is imported
        gc.enable()
        return int(args.main(args))
    except MrbenchError as exc:
        print(f"mrbench: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        print("mrbench: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `mrbench table | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        print(f"mrbench: {where}{exc.strerror}; free space or correct the path", file=sys.stderr)
        return MrbenchError.exit_code
    except Exception:  # noqa: BLE001 - the boundary: a bug is told as one
        return _crashed()


def _make_ready(args: argparse.Namespace) -> None:
    """Take signals as interruptions, and for a run start its shim ahead of what takes time here."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and background jobs wish
            signal.signal(number, _interrupt)  # all alike: jobs ended, record written
    if args.command == "run" and not args.dry_run and args.executor != "slurm":
        from mrbench import standby  # noqa: PLC0415 - only what is to run needs it

        standby.start()
        from mrbench.commands import choosing  # noqa: F401, PLC0415 - meanwhile


class Interrupted(KeyboardInterrupt):
    """A KeyboardInterrupt by another name.

    CPython remembers one that passes through eval(), which imports use, and ends by the signal
    even where it was caught; it compares the exact class.
    """


def _interrupt(_number: int, _frame: object) -> None:
    raise Interrupted


def _crashed() -> int:
    """Keep the traceback in a file, and say where."""
    import platform  # noqa: PLC0415 - imported only when all is lost
    import tempfile  # noqa: PLC0415 - the same
    import traceback  # noqa: PLC0415 - the same

    text = f"mrbench {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    text += f"{sys.argv}\n{traceback.format_exc()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="mrbench-crash-", suffix=".txt", delete=False
        ) as out:
            out.write(text)
        print(f"mrbench: this is a bug in mrbench; please report {out.name}", file=sys.stderr)
    except OSError:
        print(f"mrbench: this is a bug in mrbench; please report\n{text}", file=sys.stderr)
    return BUG


def make_parser(wanted: str) -> argparse.ArgumentParser:
    """Build the argument tree; only the wanted command's module is loaded and asked for its own."""
    parser = argparse.ArgumentParser(
        prog="mrbench",
        description="Reproducible training-throughput benchmarks of other people's code.",
        epilog="Begin with: mrbench list; mrbench run --suite demo; mrbench table --suite demo",
    )
    parser.add_argument("--version", action="version", version=f"mrbench {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == wanted:
            module = import_module(f"mrbench.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(main=module.main)
    return parser
