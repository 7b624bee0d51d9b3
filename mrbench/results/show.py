"""Everything about one run, for reading."""

import json
from collections.abc import Mapping, Sequence

from mrbench.launch.telemetry import wording
from mrbench.model.container import DockerContainer
from mrbench.model.inputs import Environment
from mrbench.model.job import BuiltPackage, ConvertedData
from mrbench.model.ledger import PlanRuns
from mrbench.model.machine import Machine
from mrbench.model.measurement import Measurement
from mrbench.model.parameters import settings
from mrbench.model.record import CooledDown, QuietWait, RunRecord
from mrbench.model.run import Failure
from mrbench.model.work import one_of, rate_name
from mrbench.results import footnotes, utilisation
from mrbench.text import counted, printable, size_text


def describe_run(
    record: RunRecord, called: str, by_rule: Sequence[str] = (), of_plan: PlanRuns | None = None
) -> str:
    """Lay out a record as text, one fact per line; all as for `facts_of`."""
    facts = facts_of(record, called, by_rule, of_plan)
    return "\n".join(_line(name, text) for name, text in facts.items())


def facts_of(
    record: RunRecord, called: str, by_rule: Sequence[str] = (), of_plan: PlanRuns | None = None
) -> Mapping[str, str]:
    """Return what there is to say of a run, by name. called: the run's folder or archive.

    by_rule: the lines that tell what the published table's rule makes of the run's log. of_plan:
    all runs of its plan.
    """
    plan, measured = record.plan, record.measurement
    machine, environment = record.machine or Machine(), record.environment
    digest, frozen = (environment.digest, environment.frozen) if environment else ("", ())
    end = record.exit
    gpus = [str(gpu.name) for gpu in machine.gpus]
    facts = {
        "run": called,
        "status": f"{record.status} {record.reason}".strip(),
        **(_measured(measured) if measured else {"throughput": "none"}),
        "MFU": "\n".join(utilisation.described(record.mfu, plan.flops)) if plan.flops else "",
        "by their rule": "\n".join(by_rule),
        "validity": _validity(record),
        "telemetry": wording.describe(record.telemetry, one_of(record.plan.unit)),
        "implementation": f"{plan.title} ({plan.framework}), suite {plan.suite}",
        "parameters": settings({n: str(p.value) for n, p in plan.parameters.items()}) or "none",
        "source": plan.source.upstream,
        "licence": record.licence,
        "commit": plan.source.revision + ("" if plan.pinned else "  NOT the pinned one"),
        "tree": record.workspace.tree if record.workspace else None,
        "patches": _pairs(plan.patch_sha256),
        "adaptation": footnotes.of_suite(plan) or "none",
        "starts from": plan.starts_from or _weights(record),
        "environment": f"{plan.environment.kind} {digest[:16]}{_no_deps(plan.environment)}",
        "converted data": _converted(record.converted) if record.converted else "",
        "own packages": _own_environment(record),
        "container": _container(record),
        "packages": ", ".join(frozen) or "not recorded",
        "built": _built((environment and environment.built) or ()),
        "command": " ".join(plan.command),
        "variables": _pairs(plan.variables),
        "inherited": _pairs(machine.variables),
        "forced": "\n".join(record.forced or ()) or "nothing",
        "window": f"{plan.window}, {plan.work_per_iteration} {plan.unit} each, {plan.precision}",
        "devices": f"{plan.gpus} x {plan.accelerator}, {counted(plan.nodes, 'node')}",
        "machine": f"{machine.host}, {machine.cpu}, {machine.system}",
        "gpus": ", ".join(gpus) or machine.gpu_error,
        "driver": machine.gpu_driver or "none",
        "cool-down": _cooled(record.cooled_down),
        "quiet wait": _quiet(record.quiet_wait),
        "ended": f"{end.reason} (code {end.code}) after {end.seconds:.3f} s"
        if end
        else "never started",
        "plan digest": record.plan_digest,
        "record digest": record.digest,
        "mrbench": record.mrbench,
        "ledger": _ledger(record, of_plan),
    }
    return {name: text for name, text in facts.items() if text}


def _own_environment(record: RunRecord) -> str:
    """Return what trained in place of the recipe's lock, and all in which it differs."""
    environment = record.environment
    if not record.plan.own_environment or environment is None:
        return ""
    lines = [str(environment.python), footnotes.own_environment(record)]
    difference = environment.lock_difference
    if difference:
        lines += [str(other) for other in difference.other]
        lines += [f"{name} is not installed" for name in difference.missing]
    return "\n".join(lines)


def _ledger(record: RunRecord, of_plan: PlanRuns | None) -> str:
    lines = [f"entry {record.ledger.position}"] if record.ledger else ["in none"]
    if record.ledger and (bound := record.ledger.registered):
        lines.append(f"registered beforehand as {bound.digest}")
    if of_plan:
        lines.append(str(of_plan))
    elif record.ledger:
        lines.append("of a ledger that is not here")
    return "\n".join(lines)


def _measured(measured: Measurement) -> Mapping[str, str]:
    metrics = [f"{name}: {metric}" for name, metric in (measured.metrics or {}).items()]
    failure = measured.failure
    return {
        "cause": _cause(failure) if failure else "",
        "remedy": failure.remedy if failure else "",
        "throughput": _throughput(measured),
        "iterations": _iterations(measured),
        "clocks": _clocks(measured),
        "in the window": _window(measured),
        "metrics": "\n".join(metrics),
    }


def _no_deps(env: Environment) -> str:
    whose = "all" if env.no_deps is True else ", ".join(env.no_deps or ())
    return f", without the dependencies of {whose}" if whose else ""


def _converted(made: ConvertedData) -> str:
    how = "reused, made" if made.reused else "made"
    text = f"{made.digest[:16]}, {how} in {made.made_in_s:g} s"
    return f"{text} ({counted(made.files, 'file')}, {size_text(made.size_bytes)})"


def _iterations(measured: Measurement) -> str:
    work = f"{measured.work_per_iteration} {measured.unit} each"
    if measured.first is None or measured.last is None:
        return f"none timed, {work}"
    return f"{measured.first}-{measured.last} ({measured.iterations} timed, {work})"


def _cause(failure: Failure) -> str:
    rank = "" if failure.rank is None else f"rank {failure.rank}"
    known = ", ".join(text for text in (rank, failure.detail) if text)
    cause = failure.cause.replace("_", " ") + (f" ({known})" if known else "")
    return f"{cause}\n{failure.line}" if failure.line else cause


def _container(record: RunRecord) -> str:
    if record.cluster_container:
        return f"image {record.cluster_container.image}, {record.cluster_container.tool}"
    return _docker(record.container) if record.container else "none"


def _docker(container: DockerContainer) -> str:
    image, engine = container.image, container.engine
    names = [*(image.digests or ()), *(image.tags or ()), image.id]
    by = f"Docker {engine.version}, {engine.storage_driver}, {engine.runtime}"
    return "\n".join([f"image {names[0]} ({image.id[:19]}), {by}", *container.warnings])


def _throughput(measured: Measurement) -> str:
    if measured.throughput is None:
        return "none"
    per_second = rate_name(measured.unit)
    seconds = _number(measured.seconds_per_iteration, ".6f", " s per iteration")
    lines = [f"{measured.throughput:.3f} {per_second} ({seconds})"]
    interval = measured.interval
    if interval:
        lines.append(
            f"95 % interval within this run {interval.low:.3f} to {interval.high:.3f} {per_second};"
            " the next run may lie outside"
        )
    if measured.rounding:
        lines.append(f"log rounding: ±{measured.rounding:.3%}")
    return "\n".join(lines)


def _window(measured: Measurement) -> str:
    lines = []
    drift = measured.drift
    if drift:
        change = f"throughput changed by {drift.change:+.1%} from first to last quarter"
        lines.append(f"{change} (p = {drift.p_value:.2g})")
    if measured.data_share is not None:
        lines.append(f"{measured.data_share:.1%} of the time was spent waiting for data")
    if measured.peak_allocated_bytes is not None:
        mib = measured.peak_allocated_bytes >> 20
        lines.append(f"{mib} MiB of a GPU's memory allocated at most, as the log prints it")
    if measured.loss_first is not None:
        first, last = (_number(loss, ".4g") for loss in (measured.loss_first, measured.loss_last))
        lines.append(f"loss {first} to {last}")
    return "\n".join(lines) or "the log states nothing more"


def _cooled(wait: CooledDown | None) -> str:
    if not wait:
        return "not asked for"
    before, after = (
        ", ".join("unknown" if c is None else f"{c} °C" for c in celsius) or "no GPUs"
        for celsius in (wait.before_c, wait.after_c)
    )
    return f"{wait.waited_s:.0f} s: {before} to {after}, {wait.celsius:g} °C asked for"


def _quiet(wait: QuietWait | None) -> str:
    if not wait:
        return "not asked for"
    before, after = (_number(cores, ".1f") for cores in (wait.before_cores, wait.after_cores))
    end = {True: "it became quiet", False: "it did not become quiet", None: "unknown if quiet"}
    text = f"{wait.waited_s:.0f} s, cores busy with others: {before} to {after}"
    return f"{text}; {end[wait.reached]}"


def _validity(record: RunRecord) -> str:
    validity = record.validity
    if not validity:
        warnings = record.measurement.warnings if record.measurement else ()
        return "not judged\n" + "\n".join(warnings)
    lines = [f"{validity.verdict}{': ' if validity.why else ''}{validity.why}", *validity.notes]
    lines += [f"{f.rule} {f.outcome}: {f.text}" for f in validity.findings]
    return "\n".join(lines)


def _weights(record: RunRecord) -> str:
    used = {weights.file: weights for weights in record.weights or ()}
    lines = []
    for item in record.plan.weights:
        known = used.get(item.file)
        digest = f"  sha256 {known.sha256} ({known.checked_by})" if known else ""
        lines.append(f"{item.file}{digest}")
    return "\n".join(lines) or "not said"


def _clocks(measured: Measurement) -> str:
    log, arrival, printed = (
        _number(seconds, ".3f", " s")
        for seconds in (measured.log_seconds, measured.arrival_seconds, measured.printed_seconds)
    )
    first = (
        f"{measured.clock} leads, {measured.second_clock or 'none'} checks;"
        f" log {log}, arrival {arrival},"
        f" printed {printed}; ratio to the log's {_number(measured.agreement, '.5f')}"
    )
    others = [
        f"by {each.name} iterations {each.first}-{each.last} took {each.ratio:.5f} times the log's"
        for each in measured.compared or ()
        if each.clock not in (measured.clock, measured.second_clock)
    ]
    return "\n".join([first, *others])


def _built(packages: Sequence[BuiltPackage]) -> str:
    """Say what was built from what: the wheel, its source, and how long it took."""
    return "\n".join(
        f"{each.wheel} of {each.source}, tree {each.tree}"
        + (f", in {each.built_in_s:g} s" if each.built_in_s is not None else "")
        + (" for an earlier environment" if each.reused else "")
        for each in packages
    )


def _pairs(values: Mapping[str, str]) -> str:
    return json.dumps(values) if values else "none"


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "unknown" if value is None else f"{value:{form}}{unit}"


def _line(name: str, text: str) -> str:
    first, *rest = map(printable, text.splitlines())
    return "\n".join([f"{name:15} {first}", *(f"{'':15} {line}" for line in rest)])
