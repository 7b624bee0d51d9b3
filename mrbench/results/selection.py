"""How many of all runs of its plan a row shows, by the ledger, and what became of the others."""

import functools
from collections.abc import Mapping
from pathlib import Path

from mrbench.model.ledger import PlanRuns
from mrbench.model.record import RunRecord
from mrbench.model.table import TableRow
from mrbench.record import ledger
from mrbench.record.archive import Opened
from mrbench.text import one_line

OLDER = "not in the ledger"
VALID = "valid"
MOST = 3  # runs of a kind that a line names


class Ledgers:
    """The ledgers of folders of runs, each read once."""

    def __init__(self) -> None:
        self._read = functools.cache(ledger.by_plan)

    def of_plan(self, digest: str, shown: Mapping[str, str | None]) -> PlanRuns | None:
        """Return what became of all runs of a plan, by the ledgers beside those that are shown.

        shown: ids, and the folder or archive of each, if it is known. None where there is no
        ledger, or none that has the plan.
        """
        parents = sorted({folder.rpartition("/")[0] for folder in shown.values() if folder})
        roots = dict.fromkeys(ledger.of_run(Path(parent) / "run") for parent in parents)
        found: dict[str, tuple[str, ...]] = {}
        for root in roots:
            if runs := ledger.became_of(root, self._read(root).get(digest, ())):
                found |= {w: (*found.get(w, ()), *names) for w, names in runs.became.items()}
        if not found:
            return None
        others = tuple(shown.keys() - {name for names in found.values() for name in names})
        return PlanRuns(became=found | {OLDER: others} if others else found)


def of_run(run: Opened, record: RunRecord) -> PlanRuns | None:
    """Return what became of all runs of a run's plan: by its ledger, or as its archive has it."""
    if record.packed:
        return record.packed.of_plan
    return Ledgers().of_plan(record.plan_digest, {record.id: run.called})


def in_words(runs: PlanRuns) -> str:
    """Return `5 runs of its plan in the ledger: 3 valid, 1 failed, 1 removed`."""
    parts = ", ".join(f"{len(names)} {what}" for what, names in runs.became.items())
    return f"{runs.count} run{'s' * (runs.count != 1)} of its plan in the ledger: {parts}"


def n_of_m(row: TableRow) -> str:
    """Return how many runs a row shows of how many: `3 of 5`, or `3` where no ledger tells."""
    if row.ledger_runs is not None:
        return f"{row.repeats} of {row.ledger_runs}"
    return f"{row.repeats} of ?" if row.ledger_missing else str(row.repeats or "-")


def not_shown(row: TableRow) -> str:
    """Return what became of the runs of a row's plan that are not in its number, or nothing."""
    parts = []
    for what, names in (row.ledger.became if row.ledger else {}).items():
        left = [name for name in names if what not in (VALID, OLDER) or name not in row.runs]
        if left:
            kind = "valid, in no row here" if what == VALID else what
            listed = ", ".join(left[:MOST]) + ", ..." * (len(left) > MOST)
            parts.append(f"{len(left)} {kind} ({listed})")
    if not parts:
        return ""
    shown = f"{row.repeats} of {row.ledger_runs} runs of its plan in the ledger"
    return one_line(f"{row.name}: {shown}; the others: {', '.join(parts)}")
