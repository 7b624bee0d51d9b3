"""`mrbench new`: begin a recipe of one's own."""

import argparse
import os
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

import msgspec
from msgspec import structs

from mrbench.cli.arguments import add_json, print_json
from mrbench.cli.commands import Command
from mrbench.cli.values import commit, positive
from mrbench.errors import RecipeError
from mrbench.launch import gpus
from mrbench.measure import proposal
from mrbench.measure.parsers import UNSPACED
from mrbench.measure.proposal import Proposal
from mrbench.model.inputs import Window
from mrbench.model.logformat import Timing
from mrbench.model.suite import Accelerator
from mrbench.model.work import Unit, rate_name
from mrbench.model.workload import PartlyKnown
from mrbench.prepare.source.here import Repository, repository
from mrbench.recipe import load, new
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import make_plan
from mrbench.text import one_line, printable, shorten

COMMAND = Command(
    group="Get ready and clean up",
    order=0,
    brief="begin a recipe of your own",
    help="Write a recipe of your own, with a comment on each key, and a suite.yaml beside it.",
    examples="""\
mrbench new own.yaml                       # in your git repository
mrbench new own.yaml --log train.log       # and how to parse its log
mrbench new own.yaml --from demo/minimask  # like one that mrbench carries
mrbench new own.yaml --command 'python train.py --batch {per_device}'""",
)
SCRIPTS = ("train.py", "main.py")
SUFFIXES = (".py", ".sh")  # of a script in a command
SHORT_S = 1.0  # a window in which telemetry may take no sample
LONGEST, WIDTH = 100, 90  # characters of a line that is shown, and of text
MEANINGS: Mapping[Timing, str] = {
    "interval_mean": "seconds per iteration since the last line",
    "running_mean": "seconds per iteration since the beginning",
    "rate": "work per second since the last line",
    "iterations_per_second": "iterations per second since the last line",
    "interval_total": "seconds since the last line",
    "cumulative": "seconds since the training began",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench new`."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="recipe to write, e.g. mine.yaml; never overwritten"
    )
    purpose = "begin with a recipe that mrbench carries, e.g. 2019/detectron2"
    parser.add_argument("--from", dest="origin", metavar="IMPL", help=purpose)
    purpose = "a log of this training: find out how to parse it"
    parser.add_argument("--log", type=Path, metavar="LOG", help=purpose)
    parser.add_argument("--command", dest="train", metavar="LINE", help="command that trains")
    parser.add_argument(
        "--per-device",
        "--images-per-iteration",
        type=positive,
        metavar="N",
        help="images (or --unit; of tokens, the sequences) in one batch of one GPU",
    )
    parser.add_argument(
        "--sequence-length", type=positive, metavar="N", help="tokens of one sequence"
    )
    parser.add_argument(
        "--accumulation", type=positive, metavar="N", help="batches of one optimizer step"
    )
    purpose = "what the throughput counts; default: what a known log counts, else images"
    parser.add_argument("--unit", choices=get_args(Unit), help=purpose)
    purpose = "repository to train; default: the one in the current folder"
    parser.add_argument("--url", metavar="URL", help=purpose)
    parser.add_argument(
        "--commit", type=commit, metavar="SHA", help="its commit (40 hex digits); default: HEAD"
    )
    add_json(parser, "print JSON: the files, how the log is parsed, what to fill in")


def main(args: argparse.Namespace) -> int:
    """Write a recipe and a suite, and say what they rest on and what to type next."""
    _check_name(args.file)
    base = new.find(args.origin) if args.origin else None
    command = None if args.train is None else new.command_of(args.train)
    work = PartlyKnown(
        unit=args.unit,
        per_device=args.per_device,
        sequence_length=args.sequence_length,
        accumulation=args.accumulation,
    )
    known = structs.replace(work, unit=args.unit or base.recipe.workload.unit) if base else work
    found = proposal.propose(args.log, known=known) if args.log else None
    here = None if base or args.url else repository(Path.cwd())
    accelerator, machine = _machine()
    facts = new.Facts(
        name=args.file.stem,
        url=args.url or (here.url if here else None),
        commit=args.commit or (here.commit if here else None),
        origin=here.origin if here else None,
        command=command or (_guess(here) if here else None),
        sure=command is not None,
        work=work,
        found=found,
        accelerator=accelerator,
        machine=machine,
    )
    draft = new.from_recipe(base, facts) if base else new.from_nothing(facts)
    suite = args.file.parent / load.SUITE
    kept = suite.exists() or suite.is_symlink()
    file = _write(args.file, draft, suite=None if kept else suite)
    if args.json:
        made = {"recipe": str(args.file), "suite": str(suite), "suite_written": not kept}
        print_json(made | _as_json(file, here, found, draft))
        return 0
    also = f"; {suite} exists and is kept" if kept else f" and {suite}"
    print(printable(f"wrote {args.file}{also}"))
    source = [] if base or args.url else _source_lines(here, facts.command or ())
    for line in (*source, *_log_lines(args, found, file.suite.window), *_open_lines(file, draft)):
        print(printable(f"  {line}"))
    print("next:")
    for line, why in _next(file):
        print(printable(f"  {line}    # {why}" if why else f"  {line}"))
    return 0


def _as_json(
    file: RecipeFile, here: Repository | None, found: Proposal | None, draft: new.Draft
) -> dict[str, object]:
    """Return what the recipe rests on: log is null where none was given or no line counts."""
    return {
        "commit": here.commit if here else None,
        "uncommitted_changes": here.changed if here else None,
        "log": msgspec.to_builtins(found),
        "dropped": draft.dropped,
        "to_fill_in": [
            {"key": key, "line": file.place.line(key), "needed": key in draft.blank}
            for key in draft.open_keys
        ],
        "next": [line for line, _ in _next(file)],
    }


def _check_name(path: Path) -> None:
    if path.suffix != ".yaml" or path.name == load.SUITE:
        better = f"{path}.yaml" if path.suffix == "" and path.name else "mine.yaml, say"
        raise RecipeError("is not the name of a recipe", f"call it {better}", file=path)
    if path.exists() or path.is_symlink():
        raise RecipeError("already exists", "choose another name, or remove it", file=path)
    load.check_name(path)


def _machine() -> tuple[Accelerator, str]:
    """Return what this machine trains on, and its name."""
    found, _, _ = gpus.list_gpus()
    return ("gpu", found[0].name or "any GPU") if found else ("cpu", "any CPU")


def _guess(here: Repository) -> tuple[str, ...] | None:
    """Return the command of the repository's one script with a usual name."""
    named = [path for path in here.files if path.rpartition("/")[2] in SCRIPTS]
    shallow = sorted(named, key=lambda path: (path.count("/"), SCRIPTS.index(Path(path).name)))
    return ("{python}", shallow[0]) if shallow else None


def _write(path: Path, draft: new.Draft, *, suite: Path | None) -> RecipeFile:
    """Write the files, and return what `mrbench run` reads; neither stays if that fails.

    It is read with the stand-ins for values that somebody must give before it can be run.
    """
    written: list[Path] = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for target, text in ((path, draft.recipe), (suite, draft.suite)):
            if target is not None:
                with target.open("x", encoding="utf-8") as out:
                    written.append(target)
                    out.write(text)
        file = load.load_path(path, locked=False)
        make_plan(file)
        open_recipe = new.without_values(draft.recipe, map(file.place.line, draft.blank))
        path.write_text(open_recipe, encoding="utf-8")
    except BaseException as exc:
        for target in written:
            target.unlink(missing_ok=True)
        if isinstance(exc, FileExistsError):
            text = "already exists"
            raise RecipeError(text, "choose another name, or remove it", file=exc.filename) from exc
        raise
    return file


def _source_lines(here: Repository | None, command: Sequence[str]) -> Iterator[str]:
    """Yield which commit will be trained, and what of the command it lacks."""
    if here is None:
        yield "note: this folder is in no git repository with a commit; mrbench trains a commit, so"
        yield "  commit the training and type this again there, or fill in source by hand"
        return
    yield f"source: commit {here.commit[:12]} of {here.url.removeprefix('file://')}"
    for word in command:
        if word.endswith(SUFFIXES) and not word.startswith(("/", "{")):
            yield from _script_lines(os.path.normpath(word), here)
    if here.changed:
        yield "note: what is not committed there will not be trained; commit it, and change"
        yield "  source.commit to what `git rev-parse HEAD` prints"


def _script_lines(script: str, here: Repository) -> Iterator[str]:
    """Yield what to do about a script of the command that is not where it will be run."""
    if script in here.files:
        return
    deeper = [path for path in here.files if path.endswith(f"/{script}")]
    if deeper:
        yield f"note: the command runs at the top of the repository; write {deeper[0]} in it, or"
        yield "  set launch.directory"
    else:
        yield f"note: {script} is not in that commit; commit it, and change source.commit to what"
        yield "  `git rev-parse HEAD` prints"


def _log_lines(args: argparse.Namespace, found: Proposal | None, window: Window) -> Iterator[str]:
    """Yield how the log will be parsed, and what that finds in the log at hand."""
    if args.log is None:
        if not args.origin:
            yield "log: finds the iterations behind `step` or `iter`, timed as lines arrive;"
            yield "  give a log that you have with --log, and it is parsed by its own lines"
        return
    if found is None:
        yield f"log: no number in {args.log} grows from line to line as iterations do; put the"
        yield "  pattern of your log's lines into log.pattern"
        return
    if found.known:
        yield f"log: of the format {found.log.format}, which mrbench knows"
    else:
        yield f"log: {found.log.pattern}"
    yield f"  {found.lines} lines match, up to iteration {found.end}"
    yield f"  first: {shorten(one_line(found.first), LONGEST)}"
    if found.lines > 1:
        yield f"  last:  {shorten(one_line(found.last), LONGEST)}"
    yield from (f"  {line}" for line in _value_lines(found))
    if found.columns:
        name = args.log.name.removesuffix(".gz")
        names = shorten(", ".join(one_line(each) for each in found.columns), LONGEST)
        yield f"note: if the training does not print {name} but writes it, put file: '**/{name}'"
        yield "  and columns into log, instead of pattern; the file's columns are"
        yield f"  {names}"
    if window.last > found.end:
        end = found.end
        yield f"note: the suite measures iterations to {window.last}, but this log ends at {end}"
        yield "  (train longer, or change the window in suite.yaml)"
    m = found.measured
    if m is not None and m.status == "ok" and m.seconds_per_iteration is not None:
        window_s = m.seconds_per_iteration * (window.last - window.first)
        if window_s < SHORT_S:
            yield f"note: at this speed the window takes {window_s:.1f} s, and mrbench looks at the"
            yield "  machine once a second: lengthen the window in suite.yaml, so that it sees what"
            yield "  slows a run"


def _value_lines(found: Proposal) -> Iterator[str]:
    """Yield what the value is taken for, and the number over the window."""
    if found.log.clock == "arrival":
        for why in found.rejected:
            yield f"not used: {shorten(one_line(why), LONGEST)}"
        yield "clock: arrival; no number in these lines is surely a time, so mrbench times the"
        yield "  lines as they arrive"
    elif found.every_open:
        what = UNSPACED.get(found.log.format or "", "lie between its lines")
        yield f"no number: the log does not say how many iterations {what};"
        yield "  put that into log.every"
    elif not found.known:
        yield f"timing: {found.log.timing}, {MEANINGS[found.log.timing or 'rate']}"
    m = found.measured
    if m is None or (m.status != "ok" and found.log.clock == "arrival"):
        return
    if m.status != "ok":
        yield f"no number from this log: {m.explanation}"
        return
    rate = [] if m.throughput is None else [f"{m.throughput:.3f} {rate_name(m.unit)}"]
    each = (
        []
        if m.seconds_per_iteration is None
        else [f"{m.seconds_per_iteration:.6f} s per iteration"]
    )
    yield f"number: {', '.join([*rate, *each])} in iterations {m.first}-{m.last}"
    if found.differs:
        told, known = found.differs
        yield f"note: the log tells of {told:,.10g} {m.unit} in one iteration, but the workload has"
        yield f"  {known:,} on one GPU; correct it, unless that log is of several GPUs"


def _open_lines(file: RecipeFile, draft: new.Draft) -> Iterator[str]:
    yield from (f"left out {what}" for what in draft.dropped)
    words = [key for key in draft.open_keys if key not in draft.blank]
    for what, keys in (("to fill in", words), ("to fill in before it can be run", draft.blank)):
        where = ", ".join(f"{key} (line {file.place.line(key)})" for key in keys)
        if keys:
            yield from textwrap.wrap(f"{what}: {where}", WIDTH, subsequent_indent="  ")


def _next(file: RecipeFile) -> Iterator[tuple[str, str]]:
    """Yield the commands to type next, each with what it is good for where that needs a word."""
    named = shlex.quote(file.place.file)
    yield f"mrbench run --recipe {named} --dry-run", "what would happen"
    if file.recipe.environment.kind == "venv":
        yield f"mrbench lock --recipe {named}", "once environment.lock names a file"
    data = " --data DIR" if file.recipe.data and not file.recipe.data.synthetic else ""
    yield f"mrbench run --recipe {named}{data}", ""
    yield f"mrbench table --suite {shlex.quote(file.suite_name)}", ""
