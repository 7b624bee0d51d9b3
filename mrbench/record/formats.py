"""Reading record.json and plan.json: decoded by type, older formats lifted, newer ones refused."""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from mrbench import files
from mrbench.errors import MrbenchError
from mrbench.files import read_regular
from mrbench.model import plan as plans
from mrbench.model.plan import Plan
from mrbench.model.record import (
    FORMAT,
    RuleFinding,
    RuleOutcome,
    RunRecord,
    Validity,
)
from mrbench.model.run import Exit
from mrbench.model.slurm import Container

_READER = msgspec.json.Decoder(dict[str, Any], float_hook=msgspec.Raw)
_WRITER = msgspec.json.Encoder()
S = TypeVar("S", bound=msgspec.Struct)

OLDEST = 2
DAMAGED = "it was edited or damaged; restore it or remove the run"
# Words of a rule's outcome, up to format 3.
OUTCOMES: Mapping[str, RuleOutcome] = {"held": "ok", "broken": "failed", "unknown": "not checked"}


class _OldPlan(Plan, frozen=True, kw_only=True):
    """A plan up to format 2."""

    image_size: str | None = None


class _OldFinding(RuleFinding, frozen=True, kw_only=True):
    outcome: Literal["held", "broken", "unknown"]  # type: ignore[assignment]  # other words


class _OldValidity(Validity, frozen=True, kw_only=True):
    findings: tuple[_OldFinding, ...] = ()


class _OldRecord(RunRecord, frozen=True, kw_only=True):
    """A record up to format 3."""

    plan: _OldPlan
    validity: _OldValidity | None = None


class _OldClusterRecord(_OldRecord, frozen=True, kw_only=True):
    """The same of a run in a cluster's container."""

    container: Container | None = None  # type: ignore[assignment]  # had its key


class _Format(msgspec.Struct):
    format: int


class _Container(msgspec.Struct):
    tool: str | None = None  # of a cluster's


class _Head(msgspec.Struct):
    format: int
    status: str  # what tells a record from other JSON
    container: _Container | None = None


def record_of(raw: bytes, file: str) -> RunRecord:
    """Read a record.json of this or an older format; MrbenchError names file and key."""
    record = files.decode_plain(raw, RunRecord)  # as almost all are: spares a look at the head
    if record is not None and record.format == FORMAT:
        return _sound(record, file)
    head = files.decode(raw, _Head, file, remedy=DAMAGED)
    if head.format == FORMAT:
        return _sound(files.decode(raw, RunRecord, file, remedy=DAMAGED), file)
    files.check_format(head.format, "record", range(OLDEST, FORMAT + 1), file)
    on_cluster = head.container is not None and head.container.tool is not None
    cls = _OldClusterRecord if on_cluster else _OldRecord
    return _sound(_lifted(files.decode(raw, cls, file, remedy=DAMAGED)), file)


def _lifted(old: _OldRecord) -> RunRecord:
    """Return a record of format 2 or 3 as format 4 has it."""
    changes: dict[str, object] = {"format": FORMAT, "plan": _lifted_plan(old.plan)}
    if old.validity:
        findings = tuple(
            _changed(RuleFinding, finding, outcome=OUTCOMES[finding.outcome])
            for finding in old.validity.findings
        )
        changes["validity"] = _changed(Validity, old.validity, findings=findings)
    if old.exit:
        changes["exit"] = _lifted_exit(old.exit)
    if isinstance(old, _OldClusterRecord):
        changes |= {"container": None, "cluster_container": old.container}
    return _changed(RunRecord, old, **changes)


def _lifted_exit(end: Exit) -> Exit:
    """Return how a run ended with the remedy apart, which stood at the message's end."""
    text, _, remedy = end.message.rpartition("; ")
    return msgspec.structs.replace(end, message=text, remedy=remedy) if text else end


def _lifted_plan(old: _OldPlan) -> Plan:
    return _changed(Plan, old, format=plans.FORMAT)


def _changed(cls: type[S], old: S, **changes: object) -> S:
    """Return a value of an older type as one of its current type, with changes."""
    return cls(**{name: getattr(old, name) for name in cls.__struct_fields__} | changes)


def read_plan(path: Path) -> Plan:
    """Read a run's plan.json; MrbenchError says what is wrong with it."""
    try:
        raw = read_regular(path, files.MOST_BYTES)
    except OSError as exc:
        text = f"cannot be read ({exc.strerror})"
        raise MrbenchError(text, "restore it or remove the run", file=path) from exc
    return plan_of(raw, str(path))


def plan_of(raw: bytes, file: str) -> Plan:
    """Read a plan.json of this or an older format; MrbenchError names file and key."""
    number = files.decode(raw, _Format, file, remedy=DAMAGED).format
    if number == plans.FORMAT:
        return files.decode(raw, Plan, file, remedy=DAMAGED)
    files.check_format(number, "plan", range(OLDEST, plans.FORMAT + 1), file)
    return _lifted_plan(files.decode(raw, _OldPlan, file, remedy=DAMAGED))


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
            text = f"{figure} is not a number of images per second"
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
