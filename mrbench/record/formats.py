"""record.json in and out, plan.json in: decoded by type, older formats lifted, newer refused."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec

from mrbench import jsonfile
from mrbench.errors import MrbenchError
from mrbench.files import read_regular
from mrbench.model import plan as plans
from mrbench.model.plan import Plan
from mrbench.model.record import FORMAT, RunRecord

OLDEST = 2
DAMAGED = "it was edited or damaged; restore it or remove the run"
# Words of a rule's outcome, up to format 3.
OUTCOMES = {"held": "ok", "broken": "failed", "unknown": "not checked"}


class _Format(msgspec.Struct):
    format: int


class _Head(msgspec.Struct):
    format: int
    status: str  # what tells a record from other JSON


def record_of(raw: bytes, file: str) -> RunRecord:
    """Read a record.json of this or an older format; MrbenchError names file and key."""
    head = jsonfile.decode(raw, _Head, file, remedy=DAMAGED)
    if head.format == FORMAT:
        return _sound(jsonfile.decode(raw, RunRecord, file, remedy=DAMAGED), file)
    jsonfile.check_format(head.format, "record", range(OLDEST, FORMAT + 1), file)
    content = lifted(jsonfile.loads(raw, file, remedy=DAMAGED))
    return _sound(jsonfile.convert(content, RunRecord, file, remedy=DAMAGED), file)


def lifted(record: dict[str, Any]) -> dict[str, Any]:  # any: JSON of a format without a type
    """Return a record of format 2 or 3 as format 4 has it; what is damaged stays as it is."""
    if record.get("format") == FORMAT:
        return record
    record = {**record, "format": FORMAT}
    if isinstance(record.get("plan"), dict):
        record["plan"] = lifted_plan(record["plan"])
    validity = record.get("validity")
    if isinstance(validity, dict) and isinstance(validity.get("findings"), list):
        findings = [_lifted_finding(finding) for finding in validity["findings"]]
        record["validity"] = {**validity, "findings": findings}
    if isinstance(record.get("measurement"), dict):
        record["measurement"] = {"remedy": "", **record["measurement"]}
    end = record.get("exit")
    if isinstance(end, dict) and isinstance(end.get("message"), str):
        record["exit"] = _lifted_exit(end)
    container = record.get("container")
    if isinstance(container, dict) and "tool" in container:
        record["cluster_container"] = record.pop("container")
    return record


def _lifted_exit(end: dict[str, Any]) -> dict[str, Any]:
    """Return exit.json with its remedy apart, which stood at the message's end up to format 3."""
    if "remedy" in end:
        return end
    text, _, remedy = end["message"].rpartition("; ")
    return {**end, "message": text or remedy, "remedy": remedy if text else ""}


def read_plan(path: Path) -> Plan:
    """Read a run's plan.json; MrbenchError says what is wrong with it."""
    try:
        raw = read_regular(path, jsonfile.MOST_BYTES)
    except OSError as exc:
        text = f"cannot be read ({exc.strerror})"
        raise MrbenchError(text, "restore it or remove the run", file=path) from exc
    return plan_of(raw, str(path))


def plan_of(raw: bytes, file: str) -> Plan:
    """Read a plan.json of this or an older format; MrbenchError names file and key."""
    number = jsonfile.decode(raw, _Format, file, remedy=DAMAGED).format
    if number == plans.FORMAT:
        return jsonfile.decode(raw, Plan, file, remedy=DAMAGED)
    jsonfile.check_format(number, "plan", range(OLDEST, plans.FORMAT + 1), file)
    content = lifted_plan(jsonfile.loads(raw, file, remedy=DAMAGED))
    return jsonfile.convert(content, Plan, file, remedy=DAMAGED)


def lifted_plan(plan: dict[str, Any]) -> dict[str, Any]:  # any: the same
    """Return a plan of format 2 as format 3 has it."""
    return {"image_size": None, **plan, "format": plans.FORMAT}


def _lifted_finding(finding: Any) -> Any:  # noqa: ANN401 - whatever a damaged record holds
    if not isinstance(finding, dict):
        return finding
    outcome = finding.get("outcome")
    return {**finding, "outcome": OUTCOMES.get(outcome) if isinstance(outcome, str) else outcome}


def _sound(record: RunRecord, file: str) -> RunRecord:
    """Refuse figures that no run can have."""
    if record.plan.gpus < 1 or record.plan.nodes < 1:
        key = "plan.gpus" if record.plan.gpus < 1 else "plan.nodes"
        raise MrbenchError("less than 1", DAMAGED, file=file, key=key)
    measured = record.measurement
    rate = measured.images_per_second if measured else None
    if record.status == "ok" and rate is None:
        text = "status is ok, and there is no number"
        raise MrbenchError(text, DAMAGED, file=file, key="measurement.images_per_second")
    interval = measured.interval if measured else None
    figures = {"images_per_second": rate}
    if interval:
        names = ("images_per_second", "low", "high")
        figures |= {f"interval.{name}": getattr(interval, name) for name in names}
    for name, figure in figures.items():
        if figure is not None and not 0 < figure < math.inf:
            text = f"{figure} is no number of images per second"
            raise MrbenchError(text, DAMAGED, file=file, key=f"measurement.{name}")
    return record


def is_edited(raw: bytes, record: RunRecord) -> bool:
    """Tell whether a record.json has another digest than it says; older formats have none."""
    return record.digest is not None and jsonfile.digest_of(json.loads(raw)) != record.digest
