"""What users type: the argument tree, and the one place where errors become text and exit codes."""

import argparse
import errno
import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from mrbench import __version__
from mrbench.cli import commands
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


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one per kind of end
    """Run one command; return its exit code."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could be typed next
        from mrbench.cli.completion import complete  # noqa: PLC0415 - imports what only Tab needs

        return complete(make_parser)
    words = sys.argv[1:] if argv is None else argv
    if words == ["--version"]:  # by itself, it is not worth the 5 ms of making the parser
        print(f"mrbench {__version__}")
        return 0
    try:
        _take_signals()
        args = parse(words)
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


def _take_signals() -> None:
    """Take signals as interruptions."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and background jobs wish
            signal.signal(number, _interrupt)  # all alike: jobs ended, record written


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
    known = words and words[0] in commands.names()
    return make_parser(words[0] if known else "").parse_args(words)


def make_parser(wanted: str, briefs: Mapping[str, str] | None = None) -> argparse.ArgumentParser:
    """Build the argument tree of one command; of all, but by their names alone, if it is "".

    briefs: what zsh and fish show beside the names of commands.
    """
    parser = Overall(prog="mrbench")
    parser.add_argument("--version", action="version", version=f"mrbench {__version__}")
    parser.set_defaults(main=parser.no_command)
    tree = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name in (wanted,) if wanted else commands.names():
        command = tree.add_parser(name, help=(briefs or {}).get(name))
        if name == wanted:
            module = import_module(f"mrbench.cli.commands.{name}")
            command.description, command.examples = module.COMMAND.help, module.COMMAND.examples
            module.add_arguments(command)
            command.set_defaults(main=module.main)
    return parser


class Overall(Parser):
    """The parser of `mrbench` itself, whose help is the overview."""

    def format_help(self) -> str:
        """Return all commands on one screen."""
        from mrbench.cli import overview  # noqa: PLC0415 - takes 10 ms to read all commands' sources

        return overview.text()

    def no_command(self, _args: argparse.Namespace) -> int:
        """Print the overview, where no command is given."""
        print(self.format_help(), end="")
        return BAD_USAGE
