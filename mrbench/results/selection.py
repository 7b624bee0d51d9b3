"""How many of all runs of its plan a row shows, by the ledger, and what became of the others."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from mrbench.model.ledger import LedgerPlace, PlanRuns
from mrbench.model.record import RunRecord
from mrbench.model.table import TableRow
from mrbench.record import ledger
from mrbench.record.archive import Opened
from mrbench.text import counted, one_line

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
        registered: dict[str, tuple[str, ...]] = {}
        for root in roots:
            if runs := ledger.became_of(root, self._read(root).get(digest, ())):
                found = _joined(found, runs.became)
                registered = _joined(registered, runs.registered)
        if not found:
            return None
        others = tuple(sorted(shown.keys() - {n for names in found.values() for n in names}))
        found |= {OLDER: others} if others else {}
        return PlanRuns(became=found, registered=registered)


def _joined(
    some: Mapping[str, tuple[str, ...]], more: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    return {key: (*some.get(key, ()), *more.get(key, ())) for key in (*some, *more)}


def with_ledger(
    row: TableRow, found: PlanRuns | None, places: Mapping[str, LedgerPlace]
) -> TableRow:
    """Return a row with what became of all runs of its plan, and with its registration.

    places: those of its runs that are in a ledger, by their ids.
    """
    registered = {places[name].registered if name in places else None for name in row.runs}
    return replace(
        row,
        ledger=found,
        ledger_runs=found.count if found else None,
        ledger_missing=found is None and bool(places),
        registered=registered.pop() if len(registered) == 1 else None,
    )


def of_rows(rows: Sequence[TableRow]) -> list[str]:
    """Return the lines on runs that rows do not show, and then those on their registrations."""
    return [line for line in (*map(_not_shown, rows), *map(_registration, rows)) if line]


def _registration(row: TableRow) -> str:
    """Say to which registration a row's runs are bound, and how many were begun; or nothing."""
    bound = row.registered
    if bound is None:
        return ""
    runs = counted(bound.repeat, "run")
    text = f"{row.name}: registered beforehand as {bound.digest[:16]}, {runs}"
    text += f", {bound.aggregation}, margin {100 * bound.margin:g} %"
    if row.ledger:
        text += f"; {len(row.ledger.registered.get(bound.digest, ()))} were begun"
    shown = row.aggregation.partition(" ")[0] or "mean"
    return one_line(text + (f"; shown is {shown}" if shown != bound.aggregation else ""))


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


def _not_shown(row: TableRow) -> str:
    """Return what became of the runs of a row's plan that are not in its number, or nothing."""
    parts, shown_runs = [], set(row.runs)
    for what, names in (row.ledger.became if row.ledger else {}).items():
        left = [name for name in names if what not in (VALID, OLDER) or name not in shown_runs]
        if left:
            kind = "valid, in no row here" if what == VALID else what
            listed = ", ".join(left[:MOST]) + ", ..." * (len(left) > MOST)
            parts.append(f"{len(left)} {kind} ({listed})")
    if not parts:
        return ""
    shown = f"{row.repeats} of {row.ledger_runs} runs of its plan in the ledger"
    return one_line(f"{row.name}: {shown}; the others: {', '.join(parts)}")
