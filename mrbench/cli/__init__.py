"""What users type: the argument tree, and the one place where errors become text and exit codes."""

import argparse
import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from mrbench import __version__
from mrbench.cli import overview
from mrbench.cli.parser import BAD_USAGE, Parser
from mrbench.errors import MrbenchError

BUG = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130
REMEDIES = {
    errno.ENOSPC: "free space there, or choose another place",
    errno.EDQUOT: "free space there, or choose another place",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EACCES: "ask for the permission, or choose another path",
    errno.EPERM: "ask for the permission, or choose another path",
    errno.EROFS: "choose a place that can be written to",
    errno.EMFILE: "allow more open files (ulimit -n)",
}
# Command: what its line of help says; the module of mrbench.cli.commands has its name.
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
    "check": "check recipes: patches, locks, logs, and with --network their repositories",
    "verify": "compute a run's number again, and check all that its record says",
    "compare": "tell in what two runs differ, and whether their numbers may be compared",
    "baseline": "store how fast a suite's runs are, for checks of later ones",
    "pack": "make one archive of a run, without secrets and host names",
    "list": "show suites and recipes",
    "schema": "print the JSON Schema of recipes, for editors",
    "completion": "print what makes a shell complete command lines",
}


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one per kind of end
    """Run one command; return its exit code."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could be typed next
        from mrbench.cli.completion import complete  # noqa: PLC0415 - imports what only Tab needs

        return complete(make_parser, COMMANDS)
    args = parse(sys.argv[1:] if argv is None else argv)
    if args.command is None:
        print(overview.text(COMMANDS), end="")
        return BAD_USAGE
    try:
        _make_ready(args)
        gc.freeze()  # later collections need not look at what is imported
        gc.enable()
        code = int(args.main(args))
        if sys.stdout:  # None where it was closed
            sys.stdout.flush()  # a full disk has not taken what was printed
        return code  # noqa: TRY300 - all of it may fail
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
        remedy = REMEDIES.get(exc.errno or 0, "correct the path")
        print(f"mrbench: {where}{exc.strerror or exc}; {remedy}", file=sys.stderr)
        return MrbenchError.exit_code
    except Exception:  # noqa: BLE001 - the boundary: a bug is told as one
        return _crashed()


def _make_ready(args: argparse.Namespace) -> None:
    """Take signals as interruptions, and for a run start its shim ahead of what takes time here."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and background jobs wish
            signal.signal(number, _interrupt)  # all alike: jobs ended, record written
    if args.command == "run" and not args.dry_run and args.executor != "slurm":
        from mrbench.launch import shim_process  # noqa: PLC0415 - only what is to run needs it

        shim_process.start()
        from mrbench.cli import choice  # noqa: F401, PLC0415 - meanwhile


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


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the words; ends the process with 2 and one line if they are no command line."""
    return make_parser(next((word for word in words if word in COMMANDS), "")).parse_args(words)


def make_parser(wanted: str) -> argparse.ArgumentParser:
    """Build the argument tree; only the wanted command's module is loaded and asked for its own."""
    parser = Overall(prog="mrbench")
    parser.add_argument("--version", action="version", version=f"mrbench {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == wanted:
            command.description = f"{text[0].upper()}{text[1:]}."
            module = import_module(f"mrbench.cli.commands.{name}")
            module.add_arguments(command)
            command.set_defaults(main=module.main)
    return parser


class Overall(Parser):
    """The parser of `mrbench` itself, whose help is the overview."""

    def format_help(self) -> str:
        """Return all commands on one screen."""
        return overview.text(COMMANDS)
