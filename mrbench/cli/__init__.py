"""What users type: the argument tree, and the one place where errors become text and exit codes."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

from mrbench import __version__
from mrbench.errors import MEANINGS, MrbenchError
from mrbench.text import did_you_mean, printable


class Parser(argparse.ArgumentParser):
    """Ends its help with examples; says in one line what is wrong, and exits with 2."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:  # noqa: ANN401 - argparse's
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self) -> str:
        """Return the help; where options are many, its first line names those that must be."""
        optional = [a for a in self._actions if a.option_strings and not a.required]
        if self.usage is None and len(optional) > FEW:
            first = self._get_formatter()
            first.add_usage(None, [a for a in self._actions if a not in optional], [], "")
            self.usage = f"{first.format_help().strip()} [OPTION ...]".replace("%", "%%")
        lines = [f"  {line}" for line in self._all_examples()]
        return "\n".join([super().format_help(), "examples:", *lines]) + "\n"

    def _all_examples(self) -> list[str]:
        """Return the lines of its own examples and of those of its actions."""
        actions = [a.choices for a in self._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001 - argparse has no other way
        parsers = [self, *(parser for choices in actions for parser in choices.values())]
        return [line for parser in parsers for line in parser.examples.splitlines()]

    def error(self, message: str) -> NoReturn:
        """End with one line: what is wrong, where, and where to read on."""
        text = printable(message.removeprefix("argument "))
        mark = "" if text.endswith("?") else ";"
        self.exit(BAD_USAGE, f"mrbench: {text}{mark} see `{self.prog} --help`\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - argparse's overloads
        """Refuse what is not known here, where the command's own options are."""
        known, extra = super().parse_known_args(args, namespace)
        if extra:
            self.error(self._unknown(extra[0]))
        return known, extra

    def _unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"unexpected argument {word!r}; {self._meant(word)}".rstrip("; ")
        name = word.partition("=")[0]
        known = [option[2:] for option in self._option_string_actions if option[:2] == "--"]
        hint = did_you_mean(name.lstrip("-"), known).replace(" '", " '--")
        return f"there is no option {name!r}; {hint}".rstrip("; ")

    def _meant(self, word: str) -> str:
        """Return the option whose value the word could be, as a question; or nothing."""
        load = _load()
        suites = load.suite_names()
        values = {"--suite": suites, "--impl": sum(map(load.implementations, suites), ())}
        options = [o for o in self._option_string_actions if word in values.get(o, ())]
        return f"did you mean {options[0]} {word}?" if options else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - argparse's
        """Answer an unknown word with the nearest that is known, or with all."""
        if action.choices is not None and value not in action.choices:
            if action.dest == "command" and value in _load().suite_names():
                text = f"{value!r} is a suite; give a command before it: `mrbench run {value}`"
                raise argparse.ArgumentError(action, text)
            known = tuple(map(str, action.choices))
            hint = did_you_mean(str(value), known) or f"known: {', '.join(known)}"
            raise argparse.ArgumentError(action, f"{value!r} is not known; {hint}")


def _load() -> Any:  # noqa: ANN401 - a module
    from mrbench.recipe import load  # noqa: PLC0415 - 20 ms, for mistakes only

    return load


FEW = 3  # options that a usage line can name one by one
EXIT_CODES = "exit-codes"
BAD_USAGE = 2
BUG = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130
AGAIN_S = 0.05


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one per kind of end
    """Run one command; return its exit code."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could be typed next
        from mrbench.cli.commands.completion import complete  # noqa: PLC0415 - imports what only Tab needs

        return complete(make_parser, command_names())
    _open_what_is_closed()
    words = sys.argv[1:] if argv is None else argv
    if words in (["--version"], ["-V"]):  # by itself, it is not worth the 5 ms of making the parser
        print(f"mrbench {__version__}")
        return 0
    try:
        _take_signals()
        args = parse(words)
        args.words = words
        gc.freeze()  # later collections need not look at what is imported
        gc.enable()
        code = int(args.main(args))
        sys.stdout.flush()  # a full disk has not taken what was printed
        return code  # noqa: TRY300 - all of it may fail
    except MrbenchError as exc:
        print(f"mrbench: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt as exc:
        rest = f"; {printable(str(exc))}" if str(exc) else ""
        print(f"mrbench: interrupted{rest}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `mrbench table | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as exc:
        from mrbench.files import translated  # noqa: PLC0415 - 20 ms, for failures only

        print(f"mrbench: {translated(exc)}", file=sys.stderr)
        return MrbenchError.exit_code
    except Exception:  # noqa: BLE001 - the boundary: a bug is told as one
        return _crashed()


def _open_what_is_closed() -> None:
    """Let standard streams that the caller has closed lead nowhere.

    Else the next file that is opened takes the number of one, and is written to by all who mean
    the stream: a child's messages, say, in the middle of a log.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


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


def _interrupt(_number: int, frame: FrameType | None) -> None:
    while frame and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    if frame is None:
        raise Interrupted
    # Python ignores what is raised in a __del__, as GitPython's Repo has one: once more behind it
    signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)


def _crashed() -> int:
    """Keep the traceback in a file, and say where."""
    import tempfile  # noqa: PLC0415 - imported only when all is lost
    import traceback  # noqa: PLC0415 - the same

    system = os.uname()
    text = f"mrbench {__version__}, Python {sys.version}, {system.sysname} {system.release}\n"
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


def command_names() -> list[str]:
    """Return the names of all commands, sorted: those of the modules in commands/."""
    files = os.listdir(f"{__path__[0]}/commands")  # noqa: PTH208 - pathlib would add 3 ms to --version
    return sorted(name[:-3] for name in files if name.endswith(".py") and name[0] != "_")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the words; ends the process with 2 and one line if they are no command line."""
    if words and words[0] == "help":
        words = _helped(words[1:])
    known = words and words[0] in command_names()
    return make_parser(words[0] if known else "").parse_args(words)


def _helped(words: Sequence[str]) -> Sequence[str]:
    """Return the words that print what `mrbench help WORDS` asks for; prints exit codes itself."""
    if list(words) == [EXIT_CODES]:
        print("\n".join(f"{code:3}  {meaning}" for code, meaning in MEANINGS.items()))
        raise SystemExit(0)
    return ["--help"] if list(words) == ["help"] else [*words, "--help"]


def make_parser(wanted: str, briefs: Mapping[str, str] | None = None) -> argparse.ArgumentParser:
    """Build the argument tree of one command; of all, but by their names alone, if it is "".

    briefs: what zsh and fish show beside the names of commands.
    """
    parser = Overall(prog="mrbench")
    parser.add_argument("-V", "--version", action="version", version=f"mrbench {__version__}")
    parser.set_defaults(main=parser.no_command)
    tree = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name in (wanted,) if wanted else command_names():
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

        return overview.text(command_names())

    def no_command(self, _args: argparse.Namespace) -> int:
        """Print the overview, where no command is given."""
        print(self.format_help(), end="")
        return BAD_USAGE
