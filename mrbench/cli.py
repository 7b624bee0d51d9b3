"""What users type: the argument tree, and the one place where errors become text and exit codes."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence

from mrbench import __version__, commands_data, commands_doctor, commands_mirror
from mrbench.errors import MrbenchError

TYPE_CHECKING = False  # importing typing takes 3 ms; type checkers know the name
if TYPE_CHECKING:
    from pathlib import Path

BUG = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one per kind of end
    """Run one command; return its exit code."""
    args = make_parser().parse_args(argv)
    if args.command is None:
        make_parser().print_help()
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and background jobs wish
            signal.signal(number, _interrupt)  # all alike: jobs ended, record written
    if args.command == "run" and not args.dry_run:
        from mrbench import standby  # noqa: PLC0415 - only what is to run needs it

        standby.start()
    try:
        from mrbench.commands import COMMANDS  # noqa: PLC0415 - `--version` must not pay for it

        gc.freeze()  # nor need later collections look at it
        gc.enable()
        return COMMANDS[args.command](args)
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


def make_parser() -> argparse.ArgumentParser:
    """Build the argument tree."""
    parser = argparse.ArgumentParser(
        prog="mrbench",
        description="Reproducible training-throughput benchmarks of other people's code.",
        epilog="Begin with: mrbench list; mrbench run --suite demo; mrbench table --suite demo",
    )
    parser.add_argument("--version", action="version", version=f"mrbench {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands.add_parser("run", help="train and measure; writes a record for each run"))
    _add_prepare(commands.add_parser("prepare", help="do everything up to the launch"))
    data = commands.add_parser("data", help="draw a small dataset, or check a folder of COCO")
    commands_data.add_arguments(data, _path)
    doctor = commands.add_parser("doctor", help="tell what this machine lacks for a run")
    commands_doctor.add_arguments(doctor, _add_choice, _add_runs)
    _add_lock(commands.add_parser("lock", help="write the lock files of environments"))
    commands_mirror.add_arguments(
        commands.add_parser(
            "mirror", help="take all that a suite needs to machines without internet"
        ),
        _add_recipes,
        _path,
    )
    _add_table(commands.add_parser("table", help="compare the runs of a suite"))
    _add_parse(commands.add_parser("parse", help="measure an existing log"))
    show = commands.add_parser("show", help="tell all about one run")
    show.add_argument("run", metavar="RUN", help="its folder, or the end of its path")
    _add_runs(show)
    listing = commands.add_parser("list", help="show suites and recipes")
    listing.add_argument("--json", action="store_true", help="as JSON")
    schema = commands.add_parser("schema", help="print the JSON Schema of recipes, for editors")
    schema.add_argument("kind", nargs="?", choices=("recipe", "suite"), default="recipe")
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_choice(parser)
    parser.add_argument("--commit", metavar="SHA", help="another commit (40 hex) than the recipe's")
    parser.add_argument("--gpus", type=int, metavar="N", help="default: what the suite states")
    parser.add_argument("--window", metavar="A:B", help="measure iterations A+1 to B")
    parser.add_argument("--repeat", type=_positive, default=1, metavar="N", help="default: 1")
    _add_runs(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plans, touch nothing")
    parser.add_argument("--json", action="store_true", help="plans or records as JSON on stdout")
    parser.add_argument("--quiet", action="store_true", help="say nothing on the way")


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    _add_choice(parser)
    parser.add_argument("--checkout-only", action="store_true", help="no environment, no links")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _add_lock(parser: argparse.ArgumentParser) -> None:
    _add_recipes(parser)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions anew")


def _add_recipes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", default="2019", help="default: 2019")
    parser.add_argument(
        "--impl", nargs="+", action="extend", metavar="NAME", help="default: the whole suite"
    )
    parser.add_argument(
        "--recipe",
        nargs="+",
        action="extend",
        type=_path,
        metavar="FILE",
        help="recipes from anywhere, instead of the suite's",
    )


def _add_choice(parser: argparse.ArgumentParser) -> None:
    _add_recipes(parser)
    parser.add_argument(
        "--data",
        type=_path,
        metavar="DIR",
        default=os.environ.get("MRBENCH_DATA") or None,
        help="COCO's folder",
    )
    parser.add_argument(
        "--weights",
        type=_path,
        metavar="DIR",
        default=os.environ.get("MRBENCH_WEIGHTS") or None,
        help="folder of pretrained weights",
    )
    parser.add_argument(
        "--mirror",
        metavar="BASE",
        default=os.environ.get("MRBENCH_MIRROR") or None,
        help="what `mrbench mirror create` made, or repositories by owner/name for github.com",
    )


def _add_table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--suite", default="2019", help="default: 2019")
    _add_runs(parser)
    parser.add_argument("--reference", metavar="NAME", help="which published table to compare with")
    parser.add_argument(
        "--format", choices=("plain", "rst", "markdown", "csv", "json"), default="plain"
    )


def _add_parse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", metavar="LOG", type=_path, help="a log, also .gz or JSON")
    parser.add_argument("--suite", default="2019", help="whose recipes are meant; default: 2019")
    parser.add_argument("--impl", metavar="NAME", help="default: found out from the log")
    parser.add_argument("--images-per-iteration", type=_positive, metavar="N")
    parser.add_argument("--window", metavar="A:B", help="default: the suite's")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs",
        type=_path,
        metavar="DIR",
        default=os.environ.get("MRBENCH_RUNS") or "runs",
        help="folder of runs; default: ./runs",
    )


def _path(text: str) -> "Path":
    """Make a path; argparse calls it for defaults too, but not for --version."""
    from pathlib import Path  # noqa: PLC0415 - see above

    return Path(text)


def _positive(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
