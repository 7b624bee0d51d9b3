"""The comparison's rows: runs grouped, like with like, and what each group says."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.measure.repeats import between_runs
from mrbench.model.ledger import LedgerPlace, PlanRuns
from mrbench.model.measurement import Interval, Repeats
from mrbench.model.metric import Metric
from mrbench.model.mfu import Mfu
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord, Verdict
from mrbench.model.run import Status
from mrbench.model.suite import Reference, Suite
from mrbench.model.table import TableRow
from mrbench.model.work import is_divided
from mrbench.record import ledger
from mrbench.record.machine_rules import slowed_by
from mrbench.record.provenance import Facts, terms
from mrbench.results import footnotes, metrics, names, utilisation
from mrbench.results.aggregation import aggregated
from mrbench.results.comparable import with_groups
from mrbench.results.pareto import with_front
from mrbench.results.ratios import with_scaling
from mrbench.results.use import Use, highest_peak, most, use_of


class TableRun(NamedTuple):
    """What a table needs of one run; the whole records of thousands would fill the memory.

    like: equal for runs that may be averaged. series: equal for the runs of one scaling series,
    None if the record does not say. packages: what to know of those that trained. terms: the facts
    that decide what its number may be compared with. gpus: names of the first machine's. why_not:
    why the number does not count. place: where its ledger has it. of_plan: what its archive says of
    all runs of its plan. signer: who vouches for it; rows are of one signer each.
    """

    id: str
    folder: str | None
    started: str
    plan: Plan
    like: Hashable
    packages: str
    licence: str | None
    series: Hashable | None
    terms: Facts
    hardware: str
    gpus: Sequence[str]
    status: Status
    counts: bool
    why_not: str
    throughput: float | None
    interval: Interval | None
    rounding: float
    verdict: Verdict | None
    notes: Sequence[str]
    slowed: Sequence[str]
    use: Use
    mfu: Mfu | None
    metrics: Mapping[str, Metric]
    digest: str
    place: LedgerPlace | None
    of_plan: PlanRuns | None
    signer: str | None = None


def table_run(record: RunRecord, folder: str | None = None) -> TableRun:
    """Take from a record what a table needs of it; folder: where the run lies."""
    plan, gpus = record.plan, record.machine.gpus if record.machine else ()
    return TableRun(
        id=record.id,
        folder=folder,
        started=record.started,
        plan=plan,
        like=(record.plan_digest, machine_of(record), _image(record), _packages(record)),
        packages=footnotes.own_environment(record),
        licence=record.licence,
        series=_series(record),
        terms=terms(record),
        hardware=hardware(record),
        gpus=[gpu.name or "" for gpu in gpus],
        status=record.status,
        counts=counts(record),
        why_not=why_not(record),
        throughput=record.throughput,
        interval=record.measurement.interval if record.measurement else None,
        rounding=rounding(record),
        verdict=record.validity.verdict if record.validity else None,
        notes=notes_of(record),
        slowed=tuple(slowed_by(record).values()),
        use=use_of(record),
        mfu=record.mfu,
        metrics=(record.measurement.metrics if record.measurement else None) or {},
        digest=record.plan_digest,
        place=record.ledger,
        of_plan=record.packed.of_plan if record.packed else None,
    )


def make_rows(
    suite: Suite,
    runs: Iterable[TableRun],
    reference_name: str | None = None,
    way: str | None = None,
    read: ledger.Read = ledger.by_plan,
) -> list[TableRow]:
    """Group like runs, average each group, sort by throughput; failed groups come last.

    Only valid runs of the same plan on the same machine, in the same image, are averaged. Each
    implementation shows its latest group, and how many runs of other plans or machines that leaves
    out; another commit, window, number of GPUs or value of a parameter makes a row of its own. way:
    how its number is made of several runs; None: as they were registered, else their mean. read:
    reads a ledger.
    """
    reference = choose_reference(suite, reference_name)
    latest: dict[Hashable, list[TableRun]] = {}
    counted: Counter[Hashable] = Counter()
    for group in _groups(runs):
        plan = group[-1].plan
        key = (
            *(plan.implementation, plan.settings, plan.source.revision),
            *(plan.window, plan.gpus, plan.nodes, group[-1].signer),
        )
        counted[key] += len(group)
        if key not in latest or latest[key][-1].started < group[-1].started:
            latest[key] = group
    rows = [
        _finished(_row(suite, reference, group, counted[key] - len(group)), group, read, way)
        for key, group in latest.items()
    ]
    rows = with_scaling(rows, [group[-1].series for group in latest.values()])
    rows = names.with_names(suite, rows)
    pairs = list(zip(rows, [_newest(group).terms for group in latest.values()], strict=True))
    pairs.sort(
        key=lambda pair: (
            pair[0].throughput is None,
            -(pair[0].throughput or 0),
            pair[0].implementation,
        )
    )
    of_rows = [of_row for _, of_row in pairs]
    rows = with_groups([row for row, _ in pairs], of_rows)
    return footnotes.number(with_front(rows, of_rows))


def choose_reference(suite: Suite, name: str | None) -> Reference | None:
    """Return the named published table, or the suite's first; RecipeError if there is none."""
    if name is None:
        return suite.references[0] if suite.references else None
    for reference in suite.references:
        if reference.name == name:
            return reference
    known = ", ".join(r.name for r in suite.references) or "none"
    raise RecipeError(f"--reference {name!r}: this suite has no such table", f"known: {known}")


def counts(record: RunRecord) -> bool:
    """Tell whether a run's number may enter a comparison."""
    invalid = record.validity is not None and record.validity.verdict == "invalid"
    return record.status == "ok" and not invalid


def why_not(record: RunRecord) -> str:
    """Return why a run's number does not count."""
    if record.status != "ok":
        return f"{record.status}: {record.reason}".rstrip(": ")
    return record.validity.why if record.validity else ""


def notes_of(record: RunRecord) -> Sequence[str]:
    """Return what to know about a valid run; older records have their warnings only."""
    if not record.validity:
        return record.measurement.warnings if record.measurement else ()
    return tuple(dict.fromkeys((*record.validity.notes, *slowed_by(record).values())))


def rounding(record: RunRecord) -> float:
    """Return the largest relative error that the digits of a run's log allow; 0.0 if unknown."""
    bound = record.measurement.rounding if record.measurement else None
    return bound if bound and 0 <= bound < 1 else 0.0


def _groups(runs: Iterable[TableRun]) -> list[list[TableRun]]:
    """Put together what may be averaged: equal plan, machine and image, in order of time."""
    groups: dict[Hashable, list[TableRun]] = {}
    for run in sorted(runs, key=lambda run: run.started):
        groups.setdefault((run.like, run.signer), []).append(run)
    return list(groups.values())


def machine_of(record: RunRecord) -> Hashable:
    """Return what tells machines apart; of a cluster's, which Slurm chose, only the kind counts."""
    kinds = {(machine.cpu, *(gpu.name for gpu in machine.gpus)) for machine in record.machines}
    return _place(record), frozenset(kinds)


def _series(record: RunRecord) -> Hashable | None:
    """Return what runs of one scaling series share; None for records that do not say.

    Of the machines' GPUs the kind counts, not the number: a run may see only those that it got.
    """
    if not record.family:
        return None
    machines = record.machines
    cpus = frozenset(machine.cpu for machine in machines)
    gpus = frozenset(gpu.name for machine in machines for gpu in machine.gpus)
    return record.family, _place(record), cpus, gpus, _image(record)


def _place(record: RunRecord) -> tuple[str, str | None]:
    if record.slurm is not None:
        return "cluster", record.slurm.cluster
    machine = record.machine
    if record.packed is None or machine is None:
        return "host", machine.host if machine else None
    # the stars of two hosts are alike, their memory and GPUs are not
    apart = (machine.host, machine.memory_bytes, *(gpu.uuid for gpu in machine.gpus))
    return "packed", repr(apart)


def _image(record: RunRecord) -> str | None:
    """Return the container image that a run's environment was, or None."""
    return record.environment.image if record.environment else None


def _packages(record: RunRecord) -> str | None:
    """Return what tells environments apart where the plan does not: those that are the user's."""
    environment = record.environment
    if not record.plan.own_environment or environment is None:
        return None
    return environment.digest


def hardware(record: RunRecord) -> str:
    """Return the names of the devices that a plan's accelerator means, as one text."""
    machines = record.machines
    names = {str(gpu.name) for machine in machines for gpu in machine.gpus}
    if record.plan.accelerator == "cpu" or not names:
        names = {machine.cpu or "" for machine in machines}
    return ", ".join(sorted(names))


def _row(
    suite: Suite, reference: Reference | None, group: list[TableRun], earlier: int
) -> TableRow:
    plan, last = group[-1].plan, group[-1]
    valid = [run for run in group if run.counts]
    repeats = between_runs([run.throughput or 0.0 for run in valid]) if valid else None
    mean = repeats.throughput if repeats else None
    interval = _interval(valid, repeats)
    low, high = (interval.low, interval.high) if interval else (None, None)
    notes = tuple(dict.fromkeys(note for run in valid for note in run.notes))
    published = reference.throughput.get(plan.implementation) if reference else None
    comparable = plan.pinned and _same_hardware(suite, last)
    newest = _newest(group)
    mfu = utilisation.of_row(newest.mfu if valid else None, newest.throughput, mean)
    known = newest.licence or not plan.pinned  # another commit may have another licence
    of_now = None if known else footnotes.licence_of_now(plan.suite, plan.implementation)
    joules = [j for run in valid if (j := run.use.joules_per_unit) is not None]
    return TableRow(
        implementation=plan.implementation,
        title=plan.title,
        framework=plan.framework,
        licence=newest.licence or of_now,
        licence_of_now=newest.licence is None and of_now is not None,
        commit=plan.source.revision,
        pinned=plan.pinned,
        gpus=plan.gpus,
        nodes=plan.nodes,
        accelerator=plan.accelerator,
        hardware=last.hardware,
        started=newest.started,
        window=str(plan.window),
        unit=plan.unit,
        parameters=plan.parameters,
        throughput=mean,
        throughput_per_device=_per_gpu(mean, plan),
        low_throughput_per_device=_per_gpu(low, plan),
        high_throughput_per_device=_per_gpu(high, plan),
        repeats=len(valid),
        failed_repeats=len(group) - len(valid),
        earlier_runs=earlier,
        run_throughput=tuple(run.throughput or 0.0 for run in valid),
        rounding=max((run.rounding for run in valid), default=0.0),
        low_throughput=low,
        high_throughput=high,
        deviation_throughput=repeats.deviation if repeats else None,
        published_throughput=published,
        reference=reference.name if reference else None,
        ratio=mean / published if mean and published and comparable else None,
        same_hardware=comparable,
        status="ok" if valid else last.status,
        validity=_verdict(valid, notes),
        reason="" if valid else last.why_not,
        notes=notes,
        slowed=tuple(dict.fromkeys(text for run in valid for text in run.slowed)),
        joules_per_unit=sum(joules) / len(joules) if joules else None,
        mfu=mfu.value if mfu else None,
        mfu_reason=(mfu.reason or None) if mfu else None,
        mfu_printed=mfu.printed if mfu else None,
        mfu_difference=(mfu.difference or None) if mfu else None,
        peak_allocated_bytes=most([run.use.allocated_bytes for run in valid]),
        gpu_memory_peak_bytes=highest_peak([run.use.gpu_memory for run in valid]),
        gpu_memory_p95_bytes=most([run.use.gpu_memory.p95 for run in valid]),
        process_memory_peak_bytes=highest_peak([run.use.process_memory for run in valid]),
        process_memory_p95_bytes=most([run.use.process_memory.p95 for run in valid]),
        metrics=metrics.of_runs(run.metrics for run in valid),
        footnote=" ".join(filter(None, (footnotes.of_plan(plan), newest.packages))),
        stand_ins=tuple(sorted(plan.adaptation.stand_ins)) if plan.adaptation else (),
        runs=tuple(run.id for run in group),
        folders=tuple(run.folder for run in group if run.folder),
        folder=newest.folder,
        signer=last.signer or UNSET,
    )


def _finished(
    row: TableRow, group: Sequence[TableRun], read: ledger.Read, way: str | None
) -> TableRow:
    """Return a row with what the ledger has of its plan, and the number that `way` makes."""
    packed = [run.of_plan for run in group if run.of_plan]
    found = ledger.of_plan(group[-1].digest, {run.id: run.folder for run in group}, read)
    found = found or max(packed, key=lambda runs: runs.count, default=None)
    bound = {run.place.registered if run.place else None for run in group}
    row = replace(
        row,
        ledger=found,
        ledger_runs=found.count if found else None,
        ledger_missing=found is None and any(run.place for run in group),
        registered=bound.pop() if len(bound) == 1 else None,
    )
    return aggregated(row, {run.id: run.throughput or 0.0 for run in group if run.counts}, way)


def _newest(group: Sequence[TableRun]) -> TableRun:
    """Return the newest run that counts, or the newest of all."""
    return next((run for run in reversed(group) if run.counts), group[-1])


def _per_gpu(value: float | None, plan: Plan) -> float | None:
    return value / plan.gpus if value is not None and is_divided(plan.unit) else value


def _verdict(valid: list[TableRun], notes: Sequence[str]) -> Verdict | Literal["not judged"]:
    if not valid:
        return "invalid"
    if not all(run.verdict for run in valid):
        return "not judged"  # made before there were rules
    return "valid with notes" if notes else "valid"


def _interval(valid: list[TableRun], repeats: Repeats | None) -> Interval | None:
    """Return the interval between runs where there are several, else that within the one."""
    if repeats and repeats.interval:
        return repeats.interval
    return valid[0].interval if valid else None


def _same_hardware(suite: Suite, run: TableRun) -> bool:
    """Tell whether a run's GPUs are those of the published table: name and count."""
    name = suite.hardware.name.split()[-1]
    return (
        suite.hardware.accelerator == "gpu"
        and run.plan.gpus == suite.hardware.count
        and len(run.gpus) >= suite.hardware.count
        and all(name in gpu for gpu in run.gpus)
    )
