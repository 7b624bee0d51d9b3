"""`mrbench history`: when the speed of a plan's runs changed, by how much, and what differs."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from mrbench.cli.arguments import add_json, add_runs, print_json
from mrbench.cli.commands import Command
from mrbench.cli.stored import chosen_suites, implementation_runs
from mrbench.console.report import print_report
from mrbench.errors import MrbenchError
from mrbench.measure.changepoint import LEAST
from mrbench.model.finding import Finding
from mrbench.model.record import RunRecord
from mrbench.record import listing, rundir
from mrbench.record.archive import identity
from mrbench.results.compare import faster
from mrbench.results.history import Change, History, histories
from mrbench.text import counted, first_few, one_line

COMMAND = Command(
    group="Look at runs",
    order=15,
    brief="when speed changed",
    help=(
        "Find when the speed of runs changed: between which runs and commits, by how much, how sure"
        " that is, and what differs between both sides."
    ),
    examples="""\
mrbench history demo
mrbench history minimask --json""",
)
MOST = 4  # differences that a line names
USELESS = 0.5  # a slowdown, a share, that nobody needs statistics to see


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench history`."""
    purpose = (
        "suites, implementations, runs, archives, or folders of archives such as a results"
        " repository; default: all suites with runs"
    )
    parser.add_argument("name", nargs="*", metavar="NAME", help=purpose)
    add_runs(parser)
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Print the history of each series of runs that may be compared."""
    names = args.name or chosen_suites(args.runs)
    records = {identity(r): r for name in names for r in _records(name, args.runs)}
    found = histories(records.values())
    if args.json:
        print_json(found)
        return 0
    if not found:
        text = "no run here has a valid number; runs of ab and bisect do not count"
        raise MrbenchError(text, "`mrbench runs` lists all")
    for i, series in enumerate(found):
        print("\n" * bool(i), end="")
        findings = [f for change in series.changes for f in _findings(series, change)]
        print_report(_title(series), findings, _last(series))
    return 0


def _records(name: str, folder: Path) -> Iterator[RunRecord]:
    """Read the runs that a name means; those that cannot be read are named on stderr."""
    if name in listing.suites_in(folder):
        paths = [path.parent for path in rundir.find_records(folder, name)]
    else:
        paths = implementation_runs(name, folder) or sorted(Path(name).rglob("*.tar.gz"))
    for path in map(str, paths or (name,)):
        try:
            yield listing.read_run(path, folder).record
        except MrbenchError as exc:
            if not paths:
                raise
            print(f"mrbench: left out: {one_line(str(exc))}", file=sys.stderr)


def _title(series: History) -> str:
    out = f" ({series.left_out} left out)" if series.left_out else ""
    span = f"{series.runs[0].started[:10]} to {series.runs[-1].started[:10]}"
    text = f"{series.suite}/{series.name}: {counted(len(series.runs), 'run')}{out}, {span}"
    return one_line(f"{text}, window {series.window}, {series.hardware}")


def _findings(series: History, change: Change) -> list[Finding]:
    """Return what changed, and for each part what differs; the subject is the run after it."""
    ends = [series.runs[i] for i in (change.before, change.after)]
    between = " and ".join(f"{run.id} (commit {run.commit[:10]})" for run in ends)
    size = f"{faster(change.ratio)} (ratio {change.ratio:.4f}, 95 % interval"
    size += f" {change.low_ratio:.4f} to {change.high_ratio:.4f}; p {change.p:.1g})"
    lines = {"drift" if change.gradual else "step": f"{size} between {between}"}
    for part, differences in change.differences.items():
        lines[part] = first_few([str(d) for d in differences], MOST, "; ", "; and")
    if not change.differences:
        lines["unexplained"] = "the records of these two runs show no difference"
    subject = f"before {series.runs[change.at].started}"
    return [Finding(topic, "note", text, subject=subject) for topic, text in lines.items()]


def _last(series: History) -> str:
    said = f"{counted(len(series.changes), 'change')}." if series.changes else "No change is shown."
    if series.noise is None or series.detectable is None:
        count = len(series.runs)
        have = "there is 1" if count == 1 else f"there are {count}"
        return said + f" {2 * LEAST} runs are needed; {have}." * (count < 2 * LEAST)
    found = f"a slowdown of the newest {LEAST} runs by {100 * series.detectable:.1f} %"
    found += " would mostly be found."
    if series.detectable > USELESS:
        found = "not even half the speed would be found; train on a steadier machine."
    return f"{said} Noise from run to run is {100 * series.noise:.2g} %: {found}"
