"""`mrbench run`: train and measure."""

import argparse
import gc
import sys
from pathlib import Path

from mrbench.cli.arguments import (
    add_executor,
    add_json,
    add_plans,
    add_quiet,
    add_runs,
    add_waits,
    print_json,
)
from mrbench.cli.commands import Command
from mrbench.cli.values import duration, moment, rounds
from mrbench.errors import Inconclusive
from mrbench.launch import processors
from mrbench.prepare import shim_process
from mrbench.run.executors import STARTED_HERE

COMMAND = Command(
    group="Begin with",
    order=1,
    brief="train and measure; writes a record for each run",
    help="Train and measure; writes a record for each run.",
    examples="""\
mrbench run demo                              # a small training, on any CPU
mrbench run --dry-run --impl detectron2       # print all that would happen
mrbench run --data DIR --gpus 1,2,4,8 --repeat 3
mrbench run --data DIR --repeat 3 --missing   # after Ctrl-C: the rest
mrbench run demo --set batch=1,2,4 --budget 2h    # a grid of its parameters
mrbench run --recipe mine.yaml --data DIR     # an implementation of yours
mrbench run --suite demo --executor docker    # builds the image it needs
mrbench run --data DIR --executor slurm --partition gpu --detach""",
)

TYPE_CHECKING = False  # see mrbench.run.executors
if TYPE_CHECKING:
    from collections.abc import Sequence

    from mrbench.cli.choice import Planned
    from mrbench.model.places import Places
    from mrbench.model.plan import Plan
    from mrbench.model.record import RunRecord
    from mrbench.model.registration import Registration
    from mrbench.run.cycle import Scheduled
    from mrbench.run.executor import Executor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench run`."""
    add_plans(parser)
    parser.add_argument("--repeat", type=rounds, default=1, metavar="N", help="rounds; default: 1")
    left = parser.add_mutually_exclusive_group()
    purpose = "run only what is missing for --repeat valid runs of each plan, e.g. after Ctrl-C"
    left.add_argument("--missing", action="store_true", help=purpose)
    left.add_argument(
        "--failed", action="store_true", help="run again what has no valid run and failed last"
    )
    purpose = "run what `mrbench register` fixed and what was not begun yet"
    left.add_argument("--registered", type=Path, metavar="FILE", help=purpose)
    purpose = "with --missing or --failed, count only runs since then, as `mrbench runs` takes it"
    parser.add_argument("--since", type=moment, metavar="WHEN", help=purpose)
    purpose = (
        "begin no run that would not end within TIME (90s, 30m, 2h, 1d) from now, by what"
        " earlier ones took; ends with 8 if that leaves any out"
    )
    parser.add_argument("--budget", type=duration, metavar="TIME", help=purpose)
    parser.add_argument("--name", metavar="TAG", help="tag of these runs, see `mrbench runs tag`")
    add_waits(parser)
    purpose = "submit and exit; see `mrbench collect`"
    add_executor(parser).add_argument("--detach", action="store_true", help=purpose)
    parser.add_argument("--force", action="store_true", help="run on GPUs that the recipe excludes")
    add_runs(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plans and change nothing")
    add_json(parser, "print JSON: plans, or one line per event")
    amount = parser.add_mutually_exclusive_group()
    add_quiet(amount, "print problems only")
    purpose = "also print the commands that are run and what the training prints"
    amount.add_argument("-v", "--verbose", action="store_true", help=purpose)


def main(args: argparse.Namespace) -> int:
    """Run the chosen implementations, or print what would be done."""
    if not args.dry_run and args.executor in STARTED_HERE:
        processors.begin()
        shim_process.start()
    # Here, for these imports take 50 ms, in which the shim boots; and without looking for garbage
    # among what they make, or they take 4 ms more.
    gc.disable()
    from mrbench.cli import choice  # noqa: PLC0415 - see above
    from mrbench.console import make_reporter  # noqa: PLC0415 - the same
    from mrbench.record import tags  # noqa: PLC0415 - the same
    from mrbench.run import estimate, ration  # noqa: PLC0415 - the same
    from mrbench.run.cycle import (  # noqa: PLC0415 - the same
        SeriesInterrupted,
        exit_code,
        in_turns,
        run_all,
    )
    from mrbench.run.recorder import unwritten  # noqa: PLC0415 - the same

    gc.freeze()
    gc.enable()
    if args.name is not None:
        tags.check([args.name])
    executor = choice.executor(args)
    places = choice.places(args)
    bound = _bound(args) if args.registered else None
    planned, left_out = choice.served(args, choice.plans(args), places)
    scheduled: Sequence[Scheduled] = in_turns(planned, args.repeat)
    lines: Sequence[str] = ()
    done = 0
    exhausted: Sequence[Plan] = ()
    if args.missing or args.failed or args.since or bound:
        from mrbench.cli import remaining  # noqa: PLC0415 - 10 ms

        scheduled, lines, done, exhausted = remaining.choose(args, planned, bound)
    without = choice.reasons(left_out)
    lines = (*without, *choice.unused(args, planned), *lines)
    if args.dry_run:
        return _dry_run(scheduled, lines, places, executor, as_json=args.json)
    took = {} if args.budget is None else estimate.earlier(planned, args.runs)
    rationed = ration.Ration(args.budget, took, exhausted)
    events = sys.stdout if args.json else None
    try:
        with make_reporter(quiet=args.quiet, verbose=args.verbose, events=events) as reporter:
            for line in lines:
                reporter.note(line, problem=line in without)
            if not scheduled:
                return 0
            records = run_all(
                scheduled,
                places,
                reporter,
                executor,
                force=args.force,
                name=args.name,
                ration=rationed,
                registered=bound.terms if bound else None,
            )
            if rationed.exit_code:
                reporter.note(_how_to_go_on(args, planned, scheduled, done, records))
    except SeriesInterrupted as exc:
        exc.args = (_how_to_go_on(args, planned, scheduled, done, exc.records),)
        raise
    for line in () if args.json else unwritten(records, args.runs):
        print(line)
    return max(exit_code(records), rationed.exit_code, bool(left_out) * Inconclusive.exit_code)


def _bound(args: argparse.Namespace) -> "Registration":
    """Return the registration to run; from now on the arguments choose its plans."""
    from mrbench.cli import registered  # noqa: PLC0415 - only now needed

    return registered.chosen(args)


def _how_to_go_on(
    args: argparse.Namespace,
    planned: "Planned",
    scheduled: "Sequence[Scheduled]",
    done: int,
    records: "Sequence[RunRecord]",
) -> str:
    from mrbench.cli import remaining  # noqa: PLC0415 - 10 ms

    return remaining.how_to_go_on(args, planned, done + len(scheduled), done, records)


def _dry_run(
    scheduled: "Sequence[Scheduled]",
    lines: "Sequence[str]",
    places: "Places",
    executor: "Executor",
    *,
    as_json: bool,
) -> int:
    from mrbench.run import estimate  # noqa: PLC0415 - only now needed
    from mrbench.run.dry import as_text, describe  # noqa: PLC0415 - the same

    for line in lines:
        print(line, file=sys.stderr if as_json else sys.stdout)
    plans = [plan for plan, *_ in scheduled]
    once = {id(plan): (plan, file.patches) for plan, file, _ in scheduled}
    took = estimate.earlier(once.values(), places.runs)
    described = [
        describe(*each, places, executor)
        | {"runs": plans.count(each[0]), "estimate": estimate.expected(each[0], took)._asdict()}
        for each in once.values()
    ]
    if as_json:
        print_json(described)
        return 0
    print("".join(map(as_text, described)), end="")
    if len(plans) > 1:
        print(estimate.in_words(plans, took))
    return 0
