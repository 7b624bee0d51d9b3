"""Everything about one run, for reading."""

import json
from pathlib import Path
from typing import Any

from mrbench.jsonfile import convert
from mrbench.launch.telemetry import wording
from mrbench.model.telemetry import TelemetrySummary
from mrbench.record.rundir import read_record
from mrbench.results import footnotes


def describe_run(folder: Path) -> str:
    """Lay out a record as text, one fact per line."""
    record = read_record(folder / "record.json")
    plan, measured = record["plan"], record.get("measurement") or {}
    machine, work = record.get("machine") or {}, record.get("workspace") or {}
    env, end = record.get("environment") or {}, record.get("exit") or {}
    gpus = [str(g.get("name")) for g in machine.get("gpus") or []]
    lines = {
        "run": folder,
        "status": f"{record['status']} {record.get('reason') or ''}".strip(),
        **_failure(measured.get("failure")),
        "throughput": _throughput(measured),
        "iterations": f"{measured.get('first')}-{measured.get('last')}"
        f" ({measured.get('iterations')} timed,"
        f" {measured.get('images_per_iteration')} images each)",
        "clocks": _clocks(measured),
        "in the window": _within(measured),
        "validity": _validity(record),
        "telemetry": wording.describe(_telemetry(record, folder)),
        "implementation": f"{plan['title']} ({plan['framework']}), suite {plan['suite']}",
        "source": plan["source"]["url"],
        "commit": plan["source"]["commit"] + ("" if plan["pinned"] else "  NOT the pinned one"),
        "tree": work.get("tree"),
        "patches": json.dumps(plan["patch_sha256"]),
        "adaptation": footnotes.of_plan(plan) or "none",
        "starts from": plan.get("starts_from") or _weights(record),
        "environment": f"{plan['environment']['kind']} {env.get('digest', '')[:16]}",
        "container": _container(record.get("container")),
        "packages": ", ".join(env.get("frozen") or ()) or "not recorded",
        "command": " ".join(plan["command"]),
        "variables": json.dumps(plan["variables"]),
        "forced": "\n".join(record.get("forced") or ()) or "nothing",
        "devices": f"{plan['gpus']} x {plan['accelerator']}",
        "machine": f"{machine.get('host')}, {machine.get('cpu')}, {machine.get('system')}",
        "gpus": ", ".join(gpus) or machine.get("gpu_error"),
        "cool-down": _cooled(record.get("cooled_down")),
        "ended": f"{end.get('reason')} (code {end.get('code')}) after {end.get('seconds')} s",
        "plan digest": record["plan_digest"],
    }
    return "\n".join(_line(name, value) for name, value in lines.items())


def _telemetry(record: dict[str, Any], folder: Path) -> TelemetrySummary | None:
    summary = record.get("telemetry")
    return convert(summary, TelemetrySummary, str(folder / "record.json")) if summary else None


def _failure(failure: dict[str, Any] | None) -> dict[str, object]:
    if not failure:
        return {}
    rank = "" if failure["rank"] is None else f"rank {failure['rank']}"
    known = ", ".join(text for text in (rank, failure["detail"]) if text)
    cause = failure["cause"].replace("_", " ") + (f" ({known})" if known else "")
    return {
        "cause": f"{cause}\n{failure['line']}" if failure["line"] else cause,
        "remedy": failure["remedy"],
    }


def _container(told: dict[str, Any] | None) -> str:
    if told is None:
        return "none"
    image, engine = told["image"], told["engine"]
    names = [*(image["digests"] or ()), *(image["tags"] or ()), image["id"]]
    by = f"Docker {engine['version']}, {engine['storage_driver']}, {engine['runtime']}"
    return "\n".join([f"image {names[0]} ({image['id'][:19]}), {by}", *told["warnings"]])


def _throughput(measured: dict[str, Any]) -> str:
    if measured.get("images_per_second") is None:
        return "none"
    seconds = f"{measured['seconds_per_iteration']:.6f} s per iteration"
    lines = [f"{measured['images_per_second']:.3f} img/s ({seconds})"]
    sure = measured.get("interval")
    if sure:
        lines.append(
            f"95 % interval {sure['low']:.3f} to {sure['high']:.3f} img/s, within this run"
        )
    if measured.get("rounding"):
        lines.append(f"right to {measured['rounding']:.3%} by the digits that the log prints")
    return "\n".join(lines)


def _within(measured: dict[str, Any]) -> str:
    lines = []
    moved = measured.get("drift")
    if moved:
        change = f"throughput changed by {moved['change']:+.1%} from first to last quarter"
        lines.append(f"{change} (p = {moved['p_value']:.2g})")
    if measured.get("data_share") is not None:
        lines.append(f"{measured['data_share']:.1%} of the time was spent waiting for data")
    if measured.get("loss_first") is not None:
        lines.append(f"loss {measured['loss_first']:.4g} to {measured['loss_last']:.4g}")
    return "\n".join(lines) or "the log tells nothing more"


def _cooled(found: dict[str, Any] | None) -> str:
    if not found:
        return "not asked for"
    before, after = (
        ", ".join("unknown" if c is None else f"{c} °C" for c in found[f"{when}_c"]) or "no GPUs"
        for when in ("before", "after")
    )
    return f"{found['waited_s']:.0f} s: {before} to {after}, {found['celsius']:g} °C asked for"


def _validity(record: dict[str, Any]) -> str:
    found = record.get("validity")
    if not found:
        return "not judged\n" + "\n".join((record.get("measurement") or {}).get("warnings") or ())
    lines = [f"{found['verdict']}{': ' if found['why'] else ''}{found['why']}", *found["notes"]]
    lines += [f"{f['rule']} {f['outcome']}: {f['text']}" for f in found["findings"]]
    return "\n".join(lines)


def _weights(record: dict[str, Any]) -> str:
    used = {w["file"]: w for w in record.get("weights") or ()}
    lines = []
    for item in record["plan"]["weights"]:
        known = used.get(item["file"])
        digest = f"  sha256 {known['sha256']} ({known['checked_by']})" if known else ""
        lines.append(f"{item['file']}{digest}")
    return "\n".join(lines) or "not said"


def _clocks(measured: dict[str, Any]) -> str:
    agreement = measured.get("agreement")
    ratio = "unknown" if agreement is None else f"{agreement:.5f}"
    return (
        f"{measured.get('clock')} leads, {measured.get('second_clock') or 'none'} checks;"
        f" log {_seconds(measured, 'log')}, arrival {_seconds(measured, 'arrival')},"
        f" printed {_seconds(measured, 'printed')}; ratio to the log's {ratio}"
    )


def _seconds(measured: dict[str, Any], clock: str) -> str:
    seconds = measured.get(f"{clock}_seconds")
    return "unknown" if seconds is None else f"{seconds:.3f} s"


def _line(name: str, value: object) -> str:
    first, *rest = str(value).splitlines() or [""]
    return "\n".join([f"{name:15} {first}", *(f"{'':15} {line}" for line in rest)])
