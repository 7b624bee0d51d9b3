"""What `mrbench baseline` and `mrbench check --baseline` read: baselines, and runs beside them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mrbench.checks.baseline.choice import Candidate, ValidRuns, latest
from mrbench.checks.baseline.file import read_baseline
from mrbench.checks.baseline.likeness import forbidding, kept_facts
from mrbench.cli.stored import Named
from mrbench.errors import MrbenchError, RecipeError
from mrbench.measure.repeats import Noise
from mrbench.model.baseline import Baseline, BaselineEntry, Key, series_key
from mrbench.model.record import RunRecord
from mrbench.record import rundir
from mrbench.record.archive import identity
from mrbench.text import one_line


def read_stored(path: Path, suites: Sequence[str] = ()) -> tuple[Baseline, Mapping[Key, int]]:
    """Read a baseline and the lines of its entries; RecipeError if it is of none of the suites."""
    stored, lines = read_baseline(path)
    require_suite(stored, suites, path)
    return stored, lines


def require_suite(stored: Baseline, suites: Sequence[str], path: Path) -> None:
    """Raise RecipeError for a baseline that is of none of the suites, where any are named."""
    if suites and stored.suite not in suites:
        remedy = f"give --suite {stored.suite}, or the baseline of {suites[0]}"
        raise RecipeError(f"is of suite {stored.suite!r}", remedy, file=path)


def read_series(
    chosen: Named,
    runs: Path,
    suite: str,
    names: Sequence[str] | None = None,
    entries: Sequence[BaselineEntry] = (),
) -> dict[Key, ValidRuns]:
    """Read the runs of a suite, by series; what cannot be read is named on stderr and left out.

    chosen: which runs; where it names none of the suite, all in the folder of runs. entries: those
    of a baseline that they are held against.
    """
    more, folder = chosen.runs.get(suite, ()), chosen.folder_of(suite, runs)
    candidates = [Candidate(record=run.record, edited=False) for run in more]
    known = {identity(run.record) for run in more}
    for path in rundir.find_records(folder, suite) if folder else ():
        try:
            record, edited = rundir.load_checked(path, str(path))
        except MrbenchError as exc:
            print(f"mrbench: left out: {one_line(str(exc))}", file=sys.stderr)
            continue
        if identity(record) not in known:
            candidates.append(Candidate(record=record, edited=edited))
    if names:
        candidates = [one for one in candidates if one.record.plan.implementation in names]
    return latest(candidates, entries)


def noise_of(stored: Baseline, record: RunRecord) -> Noise | None:
    """Return what a baseline knows of the noise between runs like this one, or None."""
    key = series_key(record.plan)
    for entry in stored.entries:
        if entry.key != key or entry.noise is None:
            continue
        if not forbidding(entry.provenance, kept_facts(record)):
            return Noise(deviation=entry.noise, freedom=entry.noise_freedom)
    return None
