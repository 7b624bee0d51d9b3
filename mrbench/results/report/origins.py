"""Where the number of each row comes from: what ran, on what, from which files."""

from collections.abc import Mapping

from mrbench.model.machine import Machine
from mrbench.model.measurement import Measurement
from mrbench.model.record import RunRecord
from mrbench.results import footnotes, utilisation
from mrbench.results.report.gather import ReportRun

LONGEST = 1500  # characters of a fact; lists of packages are long


def origin_facts(run: ReportRun, others: int) -> list[tuple[str, str]]:
    """Return name and text of each fact of a row, by its newest run; others: its further runs."""
    record, plan = run.record, run.plan
    machine, telemetry = record.machine or Machine(), record.telemetry
    environment = record.environment
    gpus = [str(gpu.name) for gpu in machine.gpus]
    texts = {
        "run": f"{record.id}{f' and {others} more' if others else ''}",
        "read from": run.called,
        "source": plan.source.upstream,
        **({"licence": record.licence} if record.licence else {}),
        "commit": plan.source.revision + ("" if plan.pinned else " (not the pinned one)"),
        "tree": record.workspace.tree if record.workspace else None,
        "patches": _pairs(plan.patch_sha256),
        "adaptation": footnotes.of_suite(plan) or "none",
        "environment": f"{plan.environment.kind} {str(environment and environment.digest)[:16]}",
        **({"own packages": own} if (own := footnotes.own_environment(record)) else {}),
        "packages": ", ".join(environment.frozen if environment else ()) or "not recorded",
        "weights": _weights(record) or plan.starts_from or "none",
        "command": " ".join(plan.command),
        "variables": _pairs(plan.variables),
        "inherited": _pairs(machine.variables),
        "devices": f"{plan.gpus} x {plan.accelerator}, {plan.nodes} node(s)",
        "window": f"{plan.window}, {plan.work_per_iteration} {plan.unit} per iteration,"
        f" {plan.precision}",
        "machine": f"{machine.host}, {machine.cpu}, {machine.system}",
        "GPUs": ", ".join(gpus) or machine.gpu_error or "none",
        "driver": machine.gpu_driver,
        "bound by": f"{telemetry.bound_by} ({telemetry.bound_by_reason})"
        if telemetry and telemetry.bound_by
        else None,
        "clocks": _clocks(run.measured),
        **({"MFU": "; ".join(utilisation.described(record.mfu, plan.flops))} if plan.flops else {}),
        "plan digest": record.plan_digest,
        "record digest": record.digest,
        "mrbench": record.mrbench,
    }
    return [(name, _cut(text or "not recorded")) for name, text in texts.items()]


def _weights(record: RunRecord) -> str:
    return ", ".join(f"{used.file} {used.sha256[:16]}" for used in record.weights or ())


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "none"


def _clocks(measured: Measurement | None) -> str | None:
    if measured is None:
        return None
    lead = f"{measured.clock} leads, {measured.second_clock or 'none'} checks"
    agreement = measured.agreement
    return lead if agreement is None else f"{lead}; their ratio is {agreement:.5f}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
