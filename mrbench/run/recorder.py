"""A run while it lasts: how its record begins, and the one place where its end becomes one."""

import contextlib
import hashlib
import json
import os
import shlex
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import msgspec
from msgspec import structs

from mrbench import __version__, locks
from mrbench.errors import MrbenchError
from mrbench.files import real_path, translated
from mrbench.model.finding import Problem
from mrbench.model.job import PreparedRun, RunError
from mrbench.model.later import as_ever
from mrbench.model.ledger import LedgerPlace
from mrbench.model.machine import Machine
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import FORMAT, RunRecord, Series
from mrbench.model.registration import Registered
from mrbench.model.reporter import Reporter, RunStart
from mrbench.model.run import Exit, Status
from mrbench.model.work import rate_name
from mrbench.prepare import inherited, run_copy
from mrbench.prepare.removal import remove_tree
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import hidden_variables, run_folder_name
from mrbench.record import ledger, rundir, tags
from mrbench.record.default_rules import MACHINE_RULES, default_rules, tells_batch
from mrbench.record.rundir import RunDir
from mrbench.run.ends import exit_of, failure, interruption
from mrbench.run.held import HeldFiles
from mrbench.text import is_secret, one_line

BY_USER = Problem("interrupted by the user")
STATUSES: dict[str, Status] = {
    "interrupted": "interrupted",
    "timed_out": "timed_out",
    "out_of_memory": "out_of_memory",
}


class Run(msgspec.Struct):
    """A run without its record yet: what is asked for, where it happens, and what is known of it.

    record: the draft, a record of a run that failed, until more is known. scratch: None where that
    is not this process's to remove. lock: the open plan.json, locked as long as somebody works on
    the run; None where that cannot be. made_runs: the folder of runs did not exist before.
    registered: the registration that the run is bound to.
    """

    folder: RunDir
    scratch: Path | None
    record: RunRecord
    lock: int | None = None
    held: HeldFiles | None = None
    made_runs: bool = False
    registered: Registered | None = None

    @classmethod
    def begin(
        cls,
        plan: Plan,
        file: RecipeFile,
        places: Places,
        *,
        series: Series,
        forced: tuple[str, ...],
        name: str | None = None,
    ) -> Self:
        """Make the run's folder, with its plan in it. forced: refusals that were overruled.

        name: a tag that the run has from the beginning. MrbenchError where that cannot be.
        """
        runs = real_path(places.runs)
        made_runs = not runs.exists()
        folder = rundir.create(runs, run_folder_name(plan, rundir.stamp()))
        rundir.write(folder.plan, plan.canonical())
        if name is not None:
            tags.change(folder.path, add=[name])
        named = {n: v for n, v in inherited.chosen(plan.inherit).items() if is_secret(n)}
        rundir.write_secrets(folder, hidden_variables(file, plan) | named)
        own = run_copy.folder(plan.suite, plan.implementation, folder.path.name)
        draft = blank(plan, file, folder, series, forced)
        run = cls(folder, own, draft, locks.take(folder.plan), made_runs=made_runs)
        run.save()
        return run

    @property
    def id(self) -> str:
        """Return suite, implementation and time."""
        return self.record.id

    @property
    def plan(self) -> Plan:
        """Return what is to be done."""
        return self.record.plan

    def know(self, **facts: object) -> None:
        """Set fields of the record."""
        self.record = structs.replace(self.record, **facts)

    def save(self) -> None:
        """Write down what is known, for `mrbench collect`, if there is room."""
        with contextlib.suppress(MrbenchError):
            rundir.write(self.folder.draft, json.dumps(self.record.plain(), indent=1) + "\n")

    def enter(self) -> None:
        """Enter the run in the ledger: its training starts now. MrbenchError where that fails."""
        runs, bound = ledger.of_run(self.folder.path), self.registered
        entry = ledger.append(runs, "began", run=self.id, plan=self.plan.digest, registered=bound)
        place = LedgerPlace(position=entry.position, digest=entry.digest, registered=bound)
        self.know(ledger=place)
        self.save()

    def began(self) -> None:
        """Hold the files of the training, which has just been started."""
        self.held = HeldFiles(self.folder)
        self.held.take()

    def lose(self, *what: str) -> None:
        """Add what could not be kept of the run once its window was over; the number stands."""
        if what:
            self.know(not_kept=(*(self.record.not_kept or ()), *what))

    def close(self) -> None:
        """Let go of the run's lock and files."""
        if self.held:
            self.held.close()
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def know_prepared(self, prepared: PreparedRun) -> None:
        """Add what was prepared."""
        self.know(
            workspace=prepared.workspace,
            environment=prepared.environment,
            weights=prepared.weights,
            data_images=prepared.data_images,
            converted=prepared.converted,
        )

    def know_machine(self, machine: Machine, frozen: tuple[str, ...] | None) -> None:
        """Add the machine that trains; frozen: its packages, where no lock tells them."""
        self.know(machine=machine)
        if frozen is not None and self.record.environment is not None:
            self.know(environment=structs.replace(self.record.environment, frozen=frozen))
        if self.held:
            self.held.take()
        self.save()


class Recorder:
    """Writes the records of runs as they end, and tells the reporter."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.records: list[RunRecord] = []
        self._current = ""

    def show(self, run: Run) -> None:
        """Say of which run all that follows is told, if it is another than before."""
        if self._current != run.id:
            self._current = run.id
            folder = run.folder
            self.reporter.run_started(
                RunStart(record=run.record, folder=folder.path, telemetry=folder.telemetry)
            )

    def finish(self, run: Run, end: Exit | RunError) -> None:
        """Remove what only the training needed, write the run's record, and report it.

        A record that cannot be written is reported all the same, without a digest of its own; then
        `mrbench collect` finishes it from the run's folder.
        """
        if run.lock is None:  # a cluster's run was let go of; `verify` is to see it at work
            run.lock = locks.take(run.folder.plan)
        left = run_copy.remove(run.scratch) if run.scratch else None  # may make room for the record
        problem = None
        try:
            if run.folder.record.exists():  # by another mrbench, meanwhile
                record = rundir.load(run.folder.record)
            else:
                _restore(run)
                record = _write(run.folder, _concluded(run, end))
                self._leave(run, record)
        except (MrbenchError, OSError) as exc:
            problem = exc if isinstance(exc, MrbenchError) else translated(exc)
            record = _concluded(run, end)
            code = max(record.exit_code, MrbenchError.exit_code)
            record = structs.replace(record, exit_code=code)
        else:
            for path in (run.folder.draft, run.folder.prepared, run.folder.lease):
                with contextlib.suppress(OSError):
                    path.unlink()
        run.close()
        self.show(run)
        self.records.append(record)
        self.reporter.run_ended(record, summary(record))
        name = run.plan.implementation
        if left:
            self.reporter.note(f"{name}: {left}", problem=True)
        if problem:
            self.reporter.note(f"{name}: {problem}; {_how_to_finish(run.folder)}", problem=True)

    def _leave(self, run: Run, record: RunRecord) -> None:
        """Enter the end of a run in the ledger; where that cannot be, say so: the record stands."""
        if record.ledger is None:
            return
        try:
            ledger.end(ledger.of_run(run.folder.path), record)
        except MrbenchError as exc:
            text = f"{run.plan.implementation}: {exc}; then `mrbench collect` enters the run's end"
            self.reporter.note(text, problem=True)

    def interrupted(self, run: Run) -> None:
        """Record a run whose training the user interrupted; of one that never began, keep nothing.

        A record of that would stand for a run in tables and baselines.
        """
        if run.folder.log.exists() or run.folder.node_report.exists():
            self.finish(run, interruption(exit_of(run.folder), BY_USER))
            return
        left = self.withdraw(run)
        self.show(run)
        kept = f"{run.folder.path} cannot be removed ({left})" if left else "nothing is kept of it"
        name = run.plan.implementation
        self.reporter.note(f"{name}: interrupted before its training began; {kept}", problem=True)

    def withdraw(self, run: Run) -> str | None:
        """Remove a run that never began; returns what could not be removed."""
        if run.scratch:
            run_copy.remove(run.scratch)
        left = remove_tree(run.folder.path)
        self._leave(run, structs.replace(run.record, status="interrupted"))
        # Of the implementation, of the suite, and of all runs.
        for parent in list(run.folder.path.parents)[: 3 if run.made_runs else 2]:
            with contextlib.suppress(OSError):
                parent.rmdir()
        run.close()
        return left


def blank(
    plan: Plan, file: RecipeFile, folder: RunDir, series: Series, forced: tuple[str, ...]
) -> RunRecord:
    """Return the record of a run that has not begun: failed, until more is known."""
    return RunRecord(
        format=FORMAT,
        id=f"{plan.suite}/{plan.implementation}/{folder.path.name}",
        mrbench=__version__,
        started=now(),
        suite=file.suite,
        plan=plan,
        plan_digest=plan.digest,
        licence=file.recipe.licence or None,
        family=family(file, plan),
        status="failed",
        series=series,
        forced=forced,
        default_rules=default_rules(
            file.suite,
            batch_told=tells_batch(file.recipe),
            whole_batches=bool(file.recipe.workload.whole_batches),
            states_flops=file.recipe.workload.flops_per_unit is not None,
        ),
    )


def family(file: RecipeFile, plan: Plan) -> str:
    """Return a digest of all that makes a plan but the count of GPUs and what follows from it.

    Runs of one family on different counts are a scaling series.
    """
    recipe = as_ever(file.recipe) | {"notes": ""}
    recipe.pop("licence", None)
    # told since; the training had them all along
    recipe["launch"].pop("iterations", None)
    recipe["workload"].pop("whole_batches", None)
    recipe.pop("parameters", None)  # their values stand in all the rest
    parts: list[object] = [
        recipe,
        plan.suite,
        plan.implementation,
        plan.accelerator,
        plan.patch_sha256,
        plan.lock_sha256,
        plan.source.revision,
        str(plan.window),
        *([plan.inherit] if plan.inherit else []),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def now() -> str:
    """Return the UTC time, as records tell it, to the millisecond: it orders them."""
    ns = time.time_ns()
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))
    return f"{whole}.{ns // 10**6 % 1000:03d}Z"


def unwritten(records: Iterable[RunRecord], runs: Path) -> Iterator[str]:
    """Yield a line for each record that could not be written: its number, and what to do."""
    for record in records:
        if record.digest is None:  # as only those have none
            yield f"{one_line(summary(record))}; {_how_to_finish(RunDir(runs / record.id))}"


def _how_to_finish(folder: RunDir) -> str:
    if not folder.draft.exists():
        return "its record was not written, and there is nothing to finish it from"
    collect = f"mrbench collect {shlex.quote(str(folder.path))}"
    return f"its record was not written; once that is mended, `{collect}` finishes it"


def summary(record: RunRecord) -> str:
    """Return one line on how a run ended."""
    name, measured, validity = record.plan.label, record.measurement, record.validity
    if record.status != "ok" or measured is None or validity is None:
        return f"{name}: {record.status}: {record.reason} ({record.id})"
    rate, where = f"{measured.throughput:.2f}", f"{measured.first}-{measured.last}"
    if measured.interval and measured.interval.half_width > 0:
        rate, where = measured.interval.point, f"{where} (within this run {measured.interval.ends})"
    text = f"{name}: {rate} {rate_name(measured.unit)} in iterations {where}, {validity.verdict}"
    # what slowed the run belongs to its number: it stands in the same line
    slowed = validity.noted(*MACHINE_RULES)
    if validity.why or slowed:
        text += f": {validity.why or '; '.join(slowed)}"
    warnings = record.container.warnings if record.container else ()
    for note in (*validity.notes, *warnings):
        if note not in slowed:
            text += f"\n  {note}"
    return f"{text} ({record.id})"


def _restore(run: Run) -> None:
    """Have the files again that were removed while the training ran, as far as they were open."""
    if run.held:
        run.folder, said = run.held.restore(run.plan.canonical())
        run.lose(*said)


def _write(folder: RunDir, record: RunRecord) -> RunRecord:
    """Write the record, and exit.json where there was no room for it when the training ended."""
    if record.exit is not None and folder.log.exists() and exit_of(folder) is None:
        rundir.write(folder.exit, json.dumps(msgspec.to_builtins(record.exit)) + "\n")
    described = rundir.describe_files(folder)
    return rundir.write_record(folder, structs.replace(record, files=described))


def _concluded(run: Run, end: Exit | RunError) -> RunRecord:
    """Return the record with what follows from the run's end and its files."""
    from mrbench.record import judge  # noqa: PLC0415 - 8 ms that no launch waits for

    record = structs.replace(run.record, ended=now())
    try:
        if isinstance(end, Exit) and run.folder.log.exists() and run.folder.stamps.exists():
            return judge.conclude(record, run.folder, end)
    except (MrbenchError, OSError) as exc:
        end = failure(exc)
    if isinstance(end, Exit):  # the training did not come so far as to have a log
        status = STATUSES.get(end.reason, "failed")
        remedy = end.remedy or ("" if end.message else "run again")
        reason = str(Problem(end.message or "ended before the training was started", remedy))
        end = RunError(status=status, reason=reason, exit_code=judge.exit_code_of(status))
    return structs.replace(record, status=end.status, reason=end.reason, exit_code=end.exit_code)
