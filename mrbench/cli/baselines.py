"""What `mrbench baseline` and `mrbench check --baseline` read: baselines, and runs beside them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mrbench.checks.baseline.choice import Candidate, ValidRuns, latest
from mrbench.checks.baseline.file import read_baseline
from mrbench.checks.baseline.likeness import forbidding, kept_facts
from mrbench.errors import MrbenchError, RecipeError
from mrbench.measure.repeats import Noise
from mrbench.model.baseline import Baseline, BaselineEntry, Key
from mrbench.model.record import RunRecord
from mrbench.record import rundir
from mrbench.text import one_line


def read_stored(path: Path, suites: Sequence[str] = ()) -> tuple[Baseline, Mapping[Key, int]]:
    """Read a baseline and the lines of its entries; RecipeError if it is of none of the suites."""
    stored, lines = read_baseline(path)
    if suites and stored.suite not in suites:
        raise RecipeError(
            f"is of suite {stored.suite!r}",
            f"give --suite {stored.suite}, or the baseline of {suites[0]}",
            file=path,
        )
    return stored, lines


def read_series(
    runs: Path,
    suite: str,
    names: Sequence[str] | None = None,
    entries: Sequence[BaselineEntry] = (),
) -> dict[Key, ValidRuns]:
    """Read the runs of a suite, by series; what cannot be read is named on stderr and left out.

    entries: those of a baseline that they are held against.
    """
    candidates = []
    for path in rundir.find_records(runs, suite):
        try:
            record, edited = rundir.load_checked(path, str(path))
        except MrbenchError as exc:
            print(f"mrbench: left out: {one_line(str(exc))}", file=sys.stderr)
            continue
        if not names or record.plan.implementation in names:
            candidates.append(Candidate(record=record, edited=edited))
    return latest(candidates, entries)


def noise_of(stored: Baseline, record: RunRecord) -> Noise | None:
    """Return what a baseline knows of the noise between runs like this one, or None."""
    key = record.plan.implementation, record.plan.gpus, record.plan.nodes
    for entry in stored.entries:
        if entry.key != key or entry.noise is None:
            continue
        if not forbidding(entry.provenance, kept_facts(record)):
            return Noise(deviation=entry.noise, freedom=entry.noise_freedom)
    return None
