"""Finds and reads the runs of a report; what is no whole record is left out, with its reason."""

import dataclasses
import functools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mrbench.errors import MrbenchError
from mrbench.jsonfile import digest_of
from mrbench.model.suite import Suite
from mrbench.recipe import load
from mrbench.record import rundir
from mrbench.record.archive import opened
from mrbench.record.provenance import facts
from mrbench.record.verify import shape
from mrbench.results.report import iterations, machine
from mrbench.results.rows import Row, counts, make_rows

Record = dict[str, Any]
LONGEST = 2000  # characters of any one text; records are written by others
# what a report reads beyond what shape checks: dotted key, kind, whether it may be absent
SHAPE: dict[str, tuple[Any, bool]] = {
    "started": (str, True),
    "reason": (str, True),
    "plan.title": (str, False),
    "plan.framework": (str, False),
    "plan.pinned": (bool, False),
    "plan.accelerator": (str, False),
    "plan.images_per_iteration": (int, True),
    "plan.command": (list, True),
    "measurement.seconds_per_iteration": (int | float, True),
    "measurement.data_share": (int | float, True),
    "measurement.clock": (str, True),
    "measurement.began_s": (int | float, True),
    "measurement.ended_s": (int | float, True),
    "measurement.warnings": (list, True),
    "measurement.failure": (dict, True),
    "telemetry.joules_per_image": (int | float, True),
    "telemetry.bound_by": (str, True),
    "telemetry.problems": (list, True),
    "validity.verdict": (str, False),
    "validity.why": (str, True),
    "validity.notes": (list, True),
    "validity.findings": (list, True),
    "validity.findings.*": (dict, False),
}
BROKEN = (
    MrbenchError, KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError,
    RecursionError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A run as a report tells of it. called: its folder or archive."""

    number: int
    called: str
    record: Record
    curve: iterations.Curve
    machine: machine.Machine

    @property
    def plan(self) -> dict[str, Any]:
        """Return its plan as the record has it."""
        plan: dict[str, Any] = self.record["plan"]
        return plan

    @property
    def measured(self) -> dict[str, Any]:
        """Return its measurement; empty where there is none."""
        return self.record.get("measurement") or {}

    @property
    def counts(self) -> bool:
        """Tell whether its number may enter a comparison."""
        return counts(self.record)

    @property
    def began(self) -> str:
        """Return when it began, to the second and in UTC; its id where the record tells no time."""
        told = str(self.record.get("started") or self.record["id"]).replace("T", " ")[:40]
        return re.sub(r"(\.\d+)?Z$", "", told)

    @property
    def label(self) -> str:
        """Return what a legend calls it: when it began, and on how many devices."""
        count, what = self.plan["gpus"], "GPU" if self.plan["accelerator"] == "gpu" else "device"
        return f"{self.began}, {count} {what}{'' if count == 1 else 's'}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chapter:
    """The runs of one suite, oldest first, and the rows of their table."""

    name: str
    suite: Suite
    runs: Sequence[Run]
    rows: Sequence[Row]

    def runs_of(self, row: Row) -> list[Run]:
        """Return the runs that a row is made of."""
        wanted = set(row["runs"])
        commit, gpus = row["commit"], row["gpus"]
        return [
            run
            for run in self.runs
            if run.record["id"] in wanted
            and (run.plan["source"]["commit"], run.plan["gpus"]) == (commit, gpus)
        ]


class LeftOut(NamedTuple):
    """A run that is not in the report. exit_code: 0 where that is no fault, as of one underway."""

    name: str
    why: str
    exit_code: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """All of a report."""

    chapters: Sequence[Chapter]
    left_out: Sequence[LeftOut]


def gather(names: Sequence[str], runs: Path, reference: str | None = None) -> Found:
    """Read runs by their names, or of suites by theirs; with no names all that lie under `runs`.

    A single run that cannot be read is left out and told; MrbenchError if a name is of nothing.
    """
    left_out: list[LeftOut] = []
    by_suite: dict[str, list[Run]] = {}
    known: set[str] = set()
    for name in _folders(names, runs, left_out):
        try:
            run = _read(name, runs, len(known) + 1)
        except BROKEN as exc:
            left_out.append(_broken(name, exc))
            continue
        if run.called not in known:
            known.add(run.called)
            by_suite.setdefault(run.plan["suite"], []).append(run)
    chapters = [_chapter(suite, by_suite[suite], reference) for suite in sorted(by_suite)]
    return Found(chapters=chapters, left_out=left_out)


def _folders(names: Sequence[str], runs: Path, left_out: list[LeftOut]) -> Iterator[str]:
    """Yield each run's name; a folder of `runs` is a suite."""
    if not names:
        yield from map(str, (path.parent for path in rundir.find_records(runs)))
        names = sorted({path.parents[2].name for path in runs.glob("*/*/*/plan.json")})
        for suite in names:
            left_out.extend(_unfinished(runs, suite))
        return
    for name in names:
        is_suite = "/" not in name and (name in load.suite_names() or (runs / name).is_dir())
        if is_suite and not (Path(name) / "record.json").is_file():
            yield from map(str, (path.parent for path in rundir.find_records(runs, name)))
            left_out.extend(_unfinished(runs, name))
        else:
            yield name


def _unfinished(runs: Path, suite: str) -> Iterator[LeftOut]:
    for folder in rundir.find_unfinished(runs, suite):
        yield LeftOut(str(folder), rundir.why_unfinished(folder), 0)


def _read(name: str, runs: Path, number: int) -> Run:
    with opened(name, runs) as run:
        record = _for_reading(rundir.read_record(run.folder.record))
        check(record)
        curve = iterations.read(run, record)
        return Run(
            number=number,
            called=run.called,
            record=record,
            curve=curve,
            machine=machine.read(run.folder, record, curve),
        )


def _for_reading(record: Record) -> Record:
    """Return a record in which nothing is too long or no JSON; its digest still tells of edits."""
    shown: Record = _plain(record)
    if shown != record and record.get("digest") == digest_of(record):
        shown["digest"] = digest_of(shown)
    return shown


def check(record: Record) -> None:
    """Raise an error of BROKEN for a record that some part of the report could not be made of."""
    fault = shape.fault(record) or shape.fault(record, SHAPE)
    if fault:
        raise MrbenchError(fault)
    make_rows(_suite(record["plan"]["suite"], [record]), [record])
    facts(record)


def _suite(name: str, records: Sequence[Record]) -> Suite:
    return _known(name) or rundir.suite_of(records[-1])


@functools.cache
def _known(name: str) -> Suite | None:
    return load.load_suite(name) if name in load.suite_names() else None


def _chapter(name: str, found: Iterable[Run], reference: str | None) -> Chapter:
    runs = sorted(found, key=lambda run: str(run.record.get("started")))
    records = [run.record for run in runs]
    suite = _suite(name, records)
    return Chapter(name=name, suite=suite, runs=runs, rows=make_rows(suite, records, reference))


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Cut long texts, and make nothing of numbers that are none; JSON for browsers has neither."""
    if isinstance(value, dict):
        return {_plain(str(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        text = value if len(value) <= LONGEST else f"{value[:LONGEST]}..."
        # control characters, half characters, and those that turn the direction of writing
        return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) >> 63:
        raise ValueError(f"the number {str(value)[:20]}... is too large for anything measured")
    return value


def _broken(name: str, exc: Exception) -> LeftOut:
    if isinstance(exc, MrbenchError):
        return LeftOut(name, str(exc), exc.exit_code)
    why = f"is no record of mrbench ({type(exc).__name__}: {str(exc)[:200]})"
    return LeftOut(name, f"{why}; restore it or remove the run", MrbenchError.exit_code)
