"""Finds and reads the runs of a report; what cannot be read is left out, with its reason."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from mrbench import files
from mrbench.errors import MrbenchError
from mrbench.model.measurement import Measurement
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.model.suite import Suite
from mrbench.model.table import TableRow
from mrbench.model.work import Unit, one_of
from mrbench.recipe import load
from mrbench.record import ledger, rundir
from mrbench.record.archive import identity, opened
from mrbench.results.lead import with_lead
from mrbench.results.report.iterations import Curve, read_curve
from mrbench.results.report.machine import Activity, read_activity
from mrbench.results.rows import counts, make_rows, table_run
from mrbench.text import counted

LONGEST = 2000  # characters of any one text; records are written by others
LARGEST = 1 << 63  # nothing that is measured is so large; a browser could not count it
MEASURED = (
    "throughput", "seconds_per_iteration", "first", "last", "iterations",
    "work_per_iteration", "data_share", "clock", "agreement", "log_seconds", "arrival_seconds",
)  # fmt: skip


class ReportRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a report shows it. called: its folder or archive.

    edited: whether its record has another digest than it says. mixed: whether runs of its
    implementation differ in work per device. In a results repository signer: who signed it;
    machine: its number.
    """

    called: str
    record: RunRecord
    edited: bool = False
    curve: Curve = Curve()
    activity: Activity = Activity()
    mixed: bool = False
    signer: str | None = None
    machine: int = 0

    @property
    def plan(self) -> Plan:
        """Its plan."""
        return self.record.plan

    @property
    def measured(self) -> Measurement | None:
        """Its measurement, if it came to one."""
        return self.record.measurement

    @property
    def joules_per_unit(self) -> float | None:
        """Energy of its GPUs per image (or unit), in joules; None if unknown, or on a CPU."""
        telemetry = self.record.telemetry
        return (telemetry.joules_per_unit if telemetry else None) or None

    @property
    def counts(self) -> bool:
        """Whether its number may enter a comparison."""
        return counts(self.record)

    @property
    def began(self) -> str:
        """When it began, to the second and in UTC."""
        return re.sub(r"(\.\d+)?Z$", "", self.record.started.replace("T", " ")[:40])

    @property
    def label(self) -> str:
        """What a legend calls it: when it began, on how many devices, and what makes it differ."""
        count, what = self.plan.gpus, "GPU" if self.plan.accelerator == "gpu" else "device"
        label = f"{self.began}, {counted(count, what)}"
        label += f", {self.plan.settings}" if self.plan.settings else ""
        work, unit = self.plan.work_per_iteration, self.plan.unit
        batch = f"{counted(work, one_of(unit)) if work else f'? {unit}'} per iteration"
        return f"{label}, {batch}" if self.mixed else label


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one suite that count the same unit, oldest first, and the rows of their table.

    hardware: of a results repository, whose runs' files are not drawn; else empty.
    """

    name: str
    unit: Unit
    suite: Suite
    runs: Sequence[ReportRun]
    rows: Sequence[TableRow]
    hardware: str = ""

    def runs_of(self, row: TableRow) -> list[ReportRun]:
        """Return the runs that a row is made of."""
        folders = set(row.folders)
        return [run for run in self.runs if run.called in folders]


class LeftOut(NamedTuple):
    """A run that is not in the report. exit_code: 0 where that is no fault, as of one underway."""

    name: str
    why: str
    exit_code: int


class ReportContent(msgspec.Struct, frozen=True, kw_only=True):
    """All of a report."""

    chapters: Sequence[Chapter]
    left_out: Sequence[LeftOut]


def gather(names: Sequence[str], runs: Path, reference: str | None = None) -> ReportContent:
    """Read runs by their names, or of suites by theirs; with no names all that lie under `runs`.

    A single run that cannot be read is left out; MrbenchError if a name is of nothing.
    """
    left_out: list[LeftOut] = []
    by_suite: dict[tuple[str, Unit], list[ReportRun]] = {}
    known: set[str] = set()
    for name in _folders(names, runs, left_out):
        try:
            run = _read(name, runs)
        except MrbenchError as exc:
            left_out.append(LeftOut(name, str(exc), exc.exit_code))
            continue
        if identity(run.record) not in known:  # as a folder and as an archive, too
            known.add(identity(run.record))
            by_suite.setdefault((run.plan.suite, run.plan.unit), []).append(run)
    chapters = [chapter(*key, by_suite[key], reference) for key in sorted(by_suite)]
    return ReportContent(chapters=chapters, left_out=left_out)


def download_rows(chapters: Sequence[Chapter]) -> list[dict[str, object]]:
    """Return the rows of all tables, as `mrbench table --format json` has them, and their suite."""
    return [
        {"suite": chapter.name, **row.plain()}
        for chapter in chapters
        for row in with_lead(chapter.rows, one_model=chapter.suite.one_model)
    ]


def download_runs(chapters: Sequence[Chapter]) -> list[dict[str, object]]:
    """Return each run with its measurement, without its files."""
    return [_download(run) for chapter in chapters for run in chapter.runs]


def _download(run: ReportRun) -> dict[str, object]:
    record, measured = run.record, run.measured
    interval = measured.interval if measured else None
    telemetry = record.telemetry
    return {
        "id": record.id,
        "called": run.called,
        "suite": run.plan.suite,
        "implementation": run.plan.implementation,
        "framework": run.plan.framework,
        "commit": run.plan.source.revision,
        "gpus": run.plan.gpus,
        **{f"parameters.{name}": each.value for name, each in run.plan.parameters.items()},
        "accelerator": run.plan.accelerator,
        "started": record.started,
        "status": record.status,
        "reason": record.reason,
        "verdict": record.validity.verdict if record.validity else None,
        **{name: getattr(measured, name, None) for name in MEASURED},
        "low_throughput": interval.low if interval else None,
        "high_throughput": interval.high if interval else None,
        "joules_per_unit": run.joules_per_unit,
        "mfu": record.mfu.value if record.mfu else None,
        "mfu_reason": (record.mfu.reason or None) if record.mfu else None,
        "bound_by": telemetry.bound_by if telemetry else None,
        "plan_digest": record.plan_digest,
        "mrbench": record.mrbench,
    }


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


def _read(name: str, runs: Path) -> ReportRun:
    with opened(name, runs) as run:
        record, edited = rundir.load_checked(run.folder.record, run.record_name)
        record = for_reading(record, run.folder.record)
        curve = read_curve(run, record)
        return ReportRun(
            called=run.called,
            record=record,
            edited=edited,
            curve=curve,
            activity=read_activity(run.folder, record, curve),
        )


def for_reading(record: RunRecord, file: Path) -> RunRecord:
    """Return a record in which nothing is too long, too large or no JSON of browsers."""
    content = record.plain()
    shown = _plain(content, file, "")
    return record if shown == content else files.convert(shown, RunRecord, file)


def chapter(
    name: str,
    unit: Unit,
    unsorted: Iterable[ReportRun],
    reference: str | None = None,
    read: ledger.Read = ledger.by_plan,
) -> Chapter:
    """Return the chapter of a suite's runs; reference, read: as for `make_rows`."""
    runs = _with_mixed(sorted(unsorted, key=lambda run: run.record.started))
    suite = load.suite_at_hand(name, runs[-1].record.suite)
    table_runs = [table_run(run.record, run.called)._replace(signer=run.signer) for run in runs]
    rows = make_rows(suite, table_runs, reference, read=read)
    return Chapter(name=name, unit=unit, suite=suite, runs=runs, rows=rows)


def _with_mixed(runs: Sequence[ReportRun]) -> list[ReportRun]:
    """Return the runs; those of an implementation whose runs differ in their batch say so."""
    batches: dict[str, set[float]] = {}
    for run in runs:
        batch = (run.plan.work_per_iteration or 0) / run.plan.gpus
        batches.setdefault(run.plan.implementation, set()).add(batch)
    return [
        msgspec.structs.replace(run, mixed=len(batches[run.plan.implementation]) > 1)
        for run in runs
    ]


def _plain(value: Any, file: Path, key: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Cut long texts, and make nothing of numbers that are none; JSON for browsers has neither."""
    if isinstance(value, dict):
        return {
            _text(name): _plain(item, file, f"{key}.{name}" if key else name)
            for name, item in value.items()
        }
    if isinstance(value, tuple):
        return tuple(_plain(item, file, f"{key}[{i}]") for i, item in enumerate(value))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) >= LARGEST:
        text = f"the number {str(value)[:20]}... is too large for anything measured"
        raise MrbenchError(text, "restore it or remove the run", file=file, key=key)
    return value


def _text(text: str) -> str:
    """Cut a text and replace what is not shown as it is.

    These are control characters, half characters, and those that turn the direction of writing.
    """
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in cut)
