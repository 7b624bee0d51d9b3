"""Where the number of each row comes from: what ran, on what, from which files."""

import json
from collections.abc import Mapping
from typing import Any

from mrbench.results import footnotes
from mrbench.results.report.gather import Run

LONGEST = 1500  # characters of a fact; lists of packages are long


def facts(run: Run, others: int) -> list[tuple[str, str]]:
    """Return name and text of each fact of a row, by its newest run; others: its further runs."""
    record, plan = run.record, run.plan
    machine, work = _map(record, "machine"), _map(record, "workspace")
    env, telemetry = _map(record, "environment"), _map(record, "telemetry")
    gpus = [str(gpu.get("name")) for gpu in machine.get("gpus") or () if gpu]
    found = {
        "run": f"{record['id']}{f' and {others} more' if others else ''}",
        "read from": run.called,
        "source": _map(plan, "source").get("url"),
        "commit": plan["source"]["commit"] + ("" if plan["pinned"] else " (not the pinned one)"),
        "tree": work.get("tree"),
        "patches": _pairs(plan["patch_sha256"]),
        "adaptation": footnotes.of_plan(plan) or "none",
        "environment": f"{_map(plan, 'environment').get('kind')} {str(env.get('digest'))[:16]}",
        "packages": ", ".join(map(str, env.get("frozen") or ())) or "not recorded",
        "weights": _weights(record) or plan.get("starts_from") or "none",
        "command": " ".join(map(str, plan.get("command") or ())),
        "variables": _pairs(_map(plan, "variables")),
        "inherited": _pairs(_map(machine, "variables")),
        "devices": f"{plan['gpus']} x {plan['accelerator']}, {plan.get('nodes') or 1} node(s)",
        "window": f"{plan['window']['first']}:{plan['window']['last']}, "
        f"{plan.get('images_per_iteration')} images per iteration, {plan.get('precision')}",
        "machine": f"{machine.get('host')}, {machine.get('cpu')}, {machine.get('system')}",
        "GPUs": ", ".join(gpus) or str(machine.get("gpu_error") or "none"),
        "driver": machine.get("gpu_driver"),
        "bound by": f"{telemetry.get('bound_by')} ({telemetry.get('bound_by_reason')})"
        if telemetry.get("bound_by")
        else None,
        "clocks": _clocks(run.measured),
        "plan digest": record["plan_digest"],
        "record digest": record.get("digest"),
        "mrbench": record.get("mrbench"),
    }  # fmt: skip
    return [(name, _cut(value)) for name, value in found.items()]


def _weights(record: Mapping[str, Any]) -> str:
    used = record.get("weights") or ()
    return ", ".join(f"{one.get('file')} {str(one.get('sha256'))[:16]}" for one in used)


def _map(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items()) or "none"


def _clocks(measured: Mapping[str, Any]) -> str:
    agreement = measured.get("agreement")
    lead = f"{measured.get('clock')} leads, {measured.get('second_clock') or 'none'} checks"
    return lead if agreement is None else f"{lead}; their ratio is {agreement:.5f}"


def _cut(value: object) -> str:
    if value is None or value == "":
        return "not recorded"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
