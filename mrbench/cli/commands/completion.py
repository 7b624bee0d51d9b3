"""`mrbench completion`, and what Tab offers: the door of argcomplete, which asks the parser itself.

A shell calls mrbench for it with _ARGCOMPLETE set; the answer goes to a descriptor of its own, and
nothing else is printed.
"""

import argparse
import contextlib
import functools
import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import argcomplete
from argcomplete.finders import safe_actions
from argcomplete.shell_integration import shellcode

from mrbench.cli import overview
from mrbench.cli.arguments import OneSuite
from mrbench.cli.commands import Command
from mrbench.errors import MrbenchError
from mrbench.recipe import load
from mrbench.record import rundir, tags

COMMAND = Command(
    group="Get ready and clean up",
    order=8,
    brief="for bash, zsh and fish",
    help=(
        "Print a script that makes a shell complete commands, options, suites, implementations, "
        "formats, files and runs when Tab is pressed."
    ),
    examples="""\
eval "$(mrbench completion bash)"    # in ~/.bashrc
eval "$(mrbench completion zsh)"     # in ~/.zshrc, after compinit
mrbench completion fish | source     # in ~/.config/fish/config.fish""",
)
ARCHIVES = (".tar.gz", ".tgz", ".tar")
LEVELS = 2  # of folders above a run's: suite and implementation
READERS = (" table", " report", " runs", " save", " update")  # take suites that have runs
CHANGERS = (" rm", " tag", " untag")  # take single runs, and no archives of them
Completer = Callable[..., Iterable[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def main(args: argparse.Namespace) -> int:
    """Print what the shell evaluates."""
    # no fallback to names of files: --gpus takes none, and paths are offered here
    print(shellcode(["mrbench"], shell=args.shell, complete_arguments=["-o", "nospace"]), end="")
    return 0


def complete(make_parser: Callable[..., argparse.ArgumentParser], names: Sequence[str]) -> int:
    """Answer the shell and end the process; return 1, and say nothing, where that fails."""
    words = os.environ.get("COMP_LINE", "").split()
    command = next((word for word in words[1:] if word in names), "")
    briefs = {} if command else {name: one.brief for name, one in overview.read(names).items()}
    parser = make_parser(command, briefs)
    _equip(parser)
    safe_actions.add(OneSuite)  # it only stores; completers read that
    with contextlib.suppress(Exception):  # whatever it is, nobody wants to read it amid the typing
        # behind a command that takes at most suites, options come without their dashes being typed
        taken = {a.dest for a in _positionals(parser, command)} if command else set()
        options = "long" if command and taken <= {"suite", "suites"} else False
        argcomplete.autocomplete(parser, always_complete_options=options)
    return 1


def _positionals(parser: argparse.ArgumentParser, command: str) -> list[argparse.Action]:
    """Return what a command takes that is no option."""
    (chosen,) = (a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001 - argparse has no other way
    return [a for a in chosen[command]._actions if not a.option_strings]  # noqa: SLF001 - the same


def _equip(parser: argparse.ArgumentParser) -> None:
    """Give each argument its completer; argparse's choices need none."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other list of them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for inner in action.choices.values():
                _equip(inner)
        elif not action.choices:
            action.completer = _completer(action)  # type: ignore[attr-defined]  # argcomplete's


def _completer(action: argparse.Action) -> Completer:
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if action.dest in BY_NAME:
        return BY_NAME[action.dest]
    return next((made for word, made in BY_METAVAR.items() if word in metavar), _nothing)


def _nothing(**_: object) -> Iterable[str]:
    return ()


def _suites(parser: argparse.ArgumentParser, parsed_args: object, **_: object) -> Iterable[str]:
    """Offer mrbench's suites; to who reads runs, those of runs too."""
    names = set(load.suite_names())
    if parser.prog.endswith(READERS) or getattr(parsed_args, "baseline", None):
        names |= {p.name for p in _runs_of(parsed_args).glob("*/") if p.is_dir()}
    return sorted(filter(str.isprintable, names))


def _implementations(prefix: str, parsed_args: object, **_: object) -> Iterable[str]:
    """Offer implementations; behind a comma, the next of several."""
    head = "".join(prefix.rpartition(",")[:2])
    found = {name for suite in _chosen(parsed_args) for name in load.implementations(suite)}
    return {f"{head}{name}" for name in found}


def _settings(prefix: str, parsed_args: object, **_: object) -> Iterable[str]:
    """Offer parameters of the chosen recipes; behind = or a comma, values that one may have."""
    found: dict[str, list[str]] = {}
    for suite in _chosen(parsed_args):
        for name in getattr(parsed_args, "impl", None) or load.implementations(suite):
            with contextlib.suppress(MrbenchError):  # an implementation of another suite
                recipe = load.load_named(suite, name, locked=False).recipe
                for key, each in recipe.parameters.items():
                    found.setdefault(key, []).extend(each.values or [each.default])
    key, sign, values = prefix.partition("=")
    if not sign:
        return [f"{name}=" for name in found]
    head = "".join(values.rpartition(",")[:2])
    return [f"{key}={head}{value}" for value in found.get(key, ())]


def _whole_names(**_: object) -> Iterable[str]:
    names = load.suite_names()
    return [f"{suite}/{name}" for suite in names for name in load.implementations(suite)]


def _references(parsed_args: object, **_: object) -> Iterable[str]:
    return {r.name for suite in _chosen(parsed_args) for r in load.load_suite(suite).references}


def _chosen(parsed_args: object) -> Iterable[str]:
    """Return the suites that --suite names, of which some commands take several; else all."""
    suite = getattr(parsed_args, "suite", None) or load.suite_names()
    return [suite] if isinstance(suite, str) else suite


def _runs(
    prefix: str, parser: argparse.ArgumentParser, parsed_args: object, **_: object
) -> Iterable[str]:
    """Offer runs as suite/implementation/time, a part at a time; implementations; tags; archives.

    Where nothing begins so: times alone.
    """
    changes = parser.prog.endswith(CHANGERS)
    runs, depth, found = _runs_of(parsed_args), prefix.count("/"), []
    if depth <= LEVELS and not prefix.startswith(("/", ".", "~")):
        for path in runs.glob(f"{glob.escape(prefix)}*"):
            name = path.relative_to(runs).as_posix()
            if depth < LEVELS and path.is_dir():
                found.append(f"{name}/")
            elif (path / "record.json").is_file():
                found.append(name)
    if not depth and not changes:
        found += {p.parents[1].name for p in runs.glob(f"*/{glob.escape(prefix)}*/*/record.json")}
        found += [tag for tag in _tags(parser, parsed_args) if prefix and tag.startswith(prefix)]
    found += _paths(prefix, () if changes else ARCHIVES, folders=bool(prefix))
    if not found:
        found = [p.parent.name for p in runs.glob(f"*/*/{glob.escape(prefix)}*/record.json")]
    return sorted(filter(str.isprintable, found))


def _runs_and_suites(**known: Any) -> Iterable[str]:  # noqa: ANN401 - argcomplete's keywords
    return [*_suites(**known), *_runs(**known)]


def _checked(**known: Any) -> Iterable[str]:  # noqa: ANN401 - argcomplete's keywords
    """Offer suites; against a baseline, runs too."""
    against = getattr(known["parsed_args"], "baseline", None)
    return (_runs_and_suites if against else _suites)(**known)


def _tags(parser: argparse.ArgumentParser, parsed_args: object, **_: object) -> Iterable[str]:
    """Offer all tags; to who takes some from a run, that run's."""
    runs, found = _runs_of(parsed_args), set[str]()
    name = getattr(parsed_args, "run", None)
    if parser.prog.endswith(" untag") and name:
        return tags.read(rundir.find_run(name, runs))
    for path in runs.glob(f"*/*/*/{tags.FILE}"):
        with contextlib.suppress(MrbenchError):  # `mrbench runs` names it
            found.update(tags.read(path.parent))
    return sorted(found)


def _runs_of(parsed_args: object) -> Path:
    return Path(getattr(parsed_args, "runs", None) or os.environ.get("MRBENCH_RUNS") or "runs")


def _paths(
    prefix: str, endings: tuple[str, ...], *, folders: bool = True, **_: object
) -> Iterator[str]:
    """Yield what begins so: folders, with a slash, and files that end as asked."""
    head, slash, tail = prefix.rpartition("/")
    beneath = Path(head + slash).expanduser()
    for path in sorted(beneath.iterdir()) if beneath.is_dir() else ():
        hidden = path.name.startswith(".") and not tail.startswith(".")
        if hidden or not path.name.startswith(tail) or not path.name.isprintable():
            continue
        if path.is_dir() and folders:
            yield f"{head}{slash}{path.name}/"
        elif not path.is_dir() and path.name.endswith(endings):
            yield f"{head}{slash}{path.name}"


_FOLDERS: Completer = functools.partial(_paths, endings=())
_FILES: Completer = functools.partial(_paths, endings=("",))
BY_NAME: dict[str, Completer] = {
    "suite": _suites,
    "suites": _checked,
    "impl": _implementations,
    "set": _settings,
    "recipe": functools.partial(_paths, endings=(".yaml", ".yml")),
    "origin": _whole_names,
    "reference": _references,
    "mirror": _FOLDERS,
    "a": _runs,
    "b": _runs,
}
BY_METAVAR: dict[str, Completer] = {
    "SUITE": _runs_and_suites,
    "RUN": _runs,
    "DIR": _FOLDERS,
    "FILE": _FILES,
    "LOG": _FILES,
    "TAG": _tags,
}
