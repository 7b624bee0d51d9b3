"""Reading record.json and plan.json: decoded by type, older formats lifted, newer ones refused."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mrbench import files
from mrbench.errors import MrbenchError
from mrbench.files import read_regular
from mrbench.model import plan as plans
from mrbench.model.plan import Plan
from mrbench.model.record import FORMAT, RuleOutcome, RunRecord
from mrbench.model.work import with_new_names

_READER = msgspec.json.Decoder(dict[str, Any], float_hook=msgspec.Raw)
_WRITER = msgspec.json.Encoder()

OLDEST = 2
DAMAGED = "it was edited or damaged; restore it or remove the run"
# Up to format 3 a rule's outcome had other words.
WITH_OLD_OUTCOMES = 3
WITHOUT_IMAGE_SIZE = (2,)  # formats of plans
OUTCOMES: Mapping[str, RuleOutcome] = {"held": "ok", "broken": "failed", "unknown": "not checked"}


class _Format(msgspec.Struct):
    format: int


class _Head(msgspec.Struct):
    format: int
    status: str  # what tells a record from other JSON


def record_of(raw: bytes, file: str) -> RunRecord:
    """Read a record.json of this or an older format; MrbenchError names file and key."""
    record = files.decode_plain(raw, RunRecord)  # as almost all are: spares a look at the head
    if record is not None and record.format == FORMAT:
        return _sound(record, file)
    head = files.decode(raw, _Head, file, remedy=DAMAGED)
    if head.format == FORMAT:
        return _sound(files.decode(raw, RunRecord, file, remedy=DAMAGED), file)
    files.check_format(head.format, "record", range(OLDEST, FORMAT + 1), file)
    plain = files.loads(raw, file, remedy=DAMAGED)
    _lift(plain)
    renamed = with_new_names(plain)
    return _sound(files.convert(renamed, RunRecord, file, remedy=DAMAGED), file)


def _lift(plain: dict[str, Any]) -> None:
    """Make plain values of an older record those of today's, but for names of keys."""
    if plain["format"] <= WITH_OLD_OUTCOMES:
        for finding in _at(plain, "validity", "findings", default=[]):
            if isinstance(finding, dict) and str(finding.get("outcome")) in OUTCOMES:
                finding["outcome"] = OUTCOMES[finding["outcome"]]
        # a remedy stood at the message's end
        text, _, remedy = str(_at(plain, "exit", "message", default="")).rpartition("; ")
        if text:
            plain["exit"] |= {"message": text, "remedy": remedy}
        if _at(plain, "container", "tool", default=""):  # a cluster's had the other's key
            plain["cluster_container"] = plain.pop("container")
    plain["format"] = FORMAT
    plan = plain.get("plan")
    if isinstance(plan, dict):
        _lift_plan(plan)


def _lift_plan(plan: dict[str, Any]) -> None:
    if plan.get("format") in WITHOUT_IMAGE_SIZE:
        plan.setdefault("image_size", None)
    plan["format"] = plans.FORMAT


def _at(plain: dict[str, Any], key: str, inner: str, *, default: object) -> Any:  # noqa: ANN401
    """Return what stands at key.inner; default where nothing, or nothing of its kind, does."""
    outer = plain.get(key)
    found = outer.get(inner) if isinstance(outer, dict) else default
    return found if isinstance(found, type(default)) else default


def read_plan(path: Path) -> Plan:
    """Read a run's plan.json; MrbenchError says what is wrong with it."""
    with files.refusal("read", path, "restore it or remove the run"):
        return plan_of(read_regular(path, files.MOST_BYTES), str(path))


def plan_of(raw: bytes, file: str) -> Plan:
    """Read a plan.json of this or an older format; MrbenchError names file and key."""
    number = files.decode(raw, _Format, file, remedy=DAMAGED).format
    if number == plans.FORMAT:
        return files.decode(raw, Plan, file, remedy=DAMAGED)
    files.check_format(number, "plan", range(OLDEST, plans.FORMAT + 1), file)
    plain = files.loads(raw, file, remedy=DAMAGED)
    _lift_plan(plain)
    return files.convert(with_new_names(plain), Plan, file, remedy=DAMAGED)


def _sound(record: RunRecord, file: str) -> RunRecord:
    """Refuse figures that no run can have."""
    if record.plan.gpus < 1 or record.plan.nodes < 1:
        key = "plan.gpus" if record.plan.gpus < 1 else "plan.nodes"
        raise MrbenchError("less than 1", DAMAGED, file=file, key=key)
    measured = record.measurement
    rate = measured.throughput if measured else None
    if record.status == "ok" and rate is None:
        text = "status is ok, and there is no number"
        raise MrbenchError(text, DAMAGED, file=file, key="measurement.throughput")
    interval = measured.interval if measured else None
    figures = {"throughput": rate}
    if interval:
        names = ("throughput", "low", "high")
        figures |= {f"interval.{name}": getattr(interval, name) for name in names}
    for name, figure in figures.items():
        if figure is not None and not 0 < figure < math.inf:
            text = f"{figure} is not a throughput"
            raise MrbenchError(text, DAMAGED, file=file, key=f"measurement.{name}")
    return record


def is_edited(raw: bytes, record: RunRecord) -> bool:
    """Tell whether a record.json has another digest than it says; older formats have none."""
    if record.digest is None:
        return False
    return _digest_at_once(raw) != record.digest and (
        files.digest_of(json.loads(raw)) != record.digest
    )


def _digest_at_once(raw: bytes) -> str | None:
    """Return files.digest_of in a tenth of the time, of a record as mrbench writes it.

    It is written again without blanks, its numbers as they stand there. Keys in another order,
    numbers in another form, or letters beyond ASCII give another digest; what cannot be read, None.
    """
    try:
        content = _READER.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    content.pop("digest", None)
    return hashlib.sha256(_WRITER.encode(content)).hexdigest()
