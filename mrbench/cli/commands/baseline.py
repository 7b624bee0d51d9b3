"""`mrbench baseline save`, `show` and `update`: their arguments, and what they print."""

import argparse
import sys

from mrbench.cli import gating
from mrbench.cli.arguments import add_impl, add_runs, as_path
from mrbench.errors import CheckFailed, MrbenchError

TYPE_CHECKING = False  # importing typing takes 3 ms; type checkers know the name
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrbench.checks.baseline.baseline import Baseline, Entry, Key
    from mrbench.checks.baseline.choice import Repeats


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench baseline`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    save = actions.add_parser("save", help="store the latest valid repeats of a suite")
    _add_file(save, "new; JSON, made for git")
    save.add_argument("--suite", default="2019", help="default: 2019")
    _add_runs(save)
    show = actions.add_parser("show", help="tell what a baseline holds")
    _add_file(show, "made by `mrbench baseline save`")
    gating.add_margin(show)
    show.add_argument("--json", action="store_true", help="as JSON")
    update = actions.add_parser("update", help="let later runs take the place of the stored ones")
    _add_file(update, "made by `mrbench baseline save`")
    _add_runs(update)
    gating.add_margin(update)
    update.add_argument(
        "--accept", metavar="WHY", default="", help="the reason for a change that is refused"
    )


def _add_file(parser: argparse.ArgumentParser, purpose: str) -> None:
    parser.add_argument("baseline", type=as_path, metavar="FILE", help=purpose)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    add_impl(parser, "default: all that have runs")
    add_runs(parser)


def main(args: argparse.Namespace) -> int:
    """Do one of the three."""
    return {"save": _save, "show": _show, "update": _update}[args.action](args)


def _save(args: argparse.Namespace) -> int:
    from mrbench.checks.baseline import file, keeping  # noqa: PLC0415 - only this command

    if args.baseline.exists():
        raise MrbenchError(
            "is there already",
            "`mrbench baseline update` keeps its history, or remove it",
            file=args.baseline,
        )
    groups = gating.groups(args.runs, args.suite, args.impl)
    made = keeping.save(args.suite, groups)
    _tell_left_out(groups)
    if not made.entries:
        hint = f"`mrbench run --suite {args.suite} --repeat 3` makes some"
        raise MrbenchError(f"no valid runs of suite {args.suite}", hint, file=args.runs)
    file.write(args.baseline, made)
    _print(made, args.baseline, gating.MARGIN)
    return 0


def _show(args: argparse.Namespace) -> int:
    stored, _ = gating.read(args.baseline)
    if args.json:
        import dataclasses  # noqa: PLC0415 - only here
        import json  # noqa: PLC0415 - the same

        print(json.dumps(dataclasses.asdict(stored), indent=1))
        return 0
    _print(stored, args.baseline, args.margin)
    return 0


def _update(args: argparse.Namespace) -> int:
    from mrbench.checks.baseline import file, keeping  # noqa: PLC0415 - only this command
    from mrbench.checks.baseline.verdict import Terms  # noqa: PLC0415 - the same

    stored, _ = gating.read(args.baseline)
    groups = gating.groups(args.runs, stored.suite, args.impl)
    _tell_left_out(groups)
    new, changes = keeping.update(stored, groups, Terms(margin=args.margin), args.accept)
    if not changes:
        hint = f"`mrbench run --suite {stored.suite} --repeat 3` makes some"
        raise MrbenchError("no valid runs but those of the baseline", hint, file=args.runs)
    refused = [f"{change.name}: {text}" for change in changes for text in change.refusals]
    if refused and not args.accept:
        for text in refused:
            print(f"mrbench: {text}", file=sys.stderr)
        raise CheckFailed(
            "left as it was",
            "look into it, or give the reason with --accept WHY",
            file=args.baseline,
        )
    file.write(args.baseline, new)
    for change in changes:
        print(change.text)
    return 0


def _tell_left_out(groups: "Mapping[Key, Repeats]") -> None:
    from mrbench.text import shown  # noqa: PLC0415 - as above

    for key, repeats in groups.items():
        for reason in repeats.left_out:
            print(f"mrbench: left out: a run of {shown(key[0])}: {shown(reason)}", file=sys.stderr)


def _print(stored: "Baseline", path: object, margin: float) -> None:
    from mrbench.checks.baseline.baseline import called  # noqa: PLC0415 - only this command

    print(f"{path}: suite {stored.suite}, by mrbench {stored.mrbench}")
    keys = {entry.key for entry in stored.entries}
    for entry in stored.entries:
        print(f"{called(entry.key, keys)}: {_told(entry, margin)}")


def _told(entry: "Entry", margin: float) -> str:
    from mrbench.checks.baseline.further import MOST, SURE, further  # noqa: PLC0415 - as above
    from mrbench.checks.baseline.sample import NONE  # noqa: PLC0415 - the same
    from mrbench.checks.baseline.verdict import Terms  # noqa: PLC0415 - the same
    from mrbench.checks.baseline.words import counted, share  # noqa: PLC0415 - the same
    from mrbench.text import shown  # noqa: PLC0415 - the same

    count = len(entry.images_per_second)
    text = f"{entry.now.images_per_second:.4g} img/s of {counted(count)}, noise "
    if entry.noise is None:
        text += "not known: make more runs"
    else:
        needed = further(entry.sample, NONE, Terms(margin=margin), odds=SURE)
        text += f"{share(entry.noise)} (by {entry.noise_freedom} degrees of freedom); a check with"
        text += f" a margin of {share(margin)} mostly needs "
        text += counted(needed) if needed else f"more than {MOST} runs"
    for value in (entry.now, *reversed(entry.history)):
        text += f"\n  {shown(value.saved)[:10]}  {value.images_per_second:.4g} img/s"
        text += f"  commit {shown(value.commit)[:12]}"
        text += f"  {shown(value.why)}" if value.why else ""
    if entry.anchor.saved != entry.now.saved:
        text += f"\n  slow changes count from {shown(entry.anchor.saved)[:10]}"
    return text
