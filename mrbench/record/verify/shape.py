"""Whether a record has the parts that the checks look into, each of its kind."""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any

from mrbench.model.finding import Finding
from mrbench.record.verify.base import differs

Record = dict[str, Any]

# dotted key of record.json: its kind, and whether it may be absent or null
SHAPE: dict[str, tuple[type | UnionType, bool]] = {
    "id": (str, False),
    "plan_digest": (str, False),
    "status": (str, False),
    "digest": (str, True),
    "plan": (dict, False),
    "plan.suite": (str, False),
    "plan.implementation": (str, False),
    "plan.source": (dict, False),
    "plan.source.commit": (str, False),
    "plan.patch_sha256": (dict, False),
    "plan.patch_sha256.*": (str, False),
    "plan.lock_sha256": (str, True),
    "plan.window": (dict, False),
    "plan.window.first": (int, False),
    "plan.window.last": (int, False),
    "plan.gpus": (int, False),
    "plan.nodes": (int, True),
    "plan.variables": (dict, True),
    "files": (dict, True),
    "files.*": (dict, False),
    "files.*.sha256": (str, False),
    "files.*.size_bytes": (int, False),
    "measurement": (dict, True),
    "measurement.images_per_second": (int | float, True),
    "measurement.interval": (dict, True),
    "measurement.interval.low": (int | float, False),
    "measurement.interval.high": (int | float, False),
    "stated": (dict, True),
    "stated.*": (dict, True),
    "validity": (dict, True),
    "telemetry": (dict, True),
    "telemetry.gpus": (list, True),
    "telemetry.gpus.*": (dict, False),
    "telemetry.gpus.*.sm_clock_mhz": (dict, True),
    "telemetry.gpus.*.sm_clock_mhz.mean": (int | float, False),
    "forced": (list, True),
    "exit": (dict, True),
    "exit.reason": (str, False),
    "exit.code": (int, True),
    "exit.seconds": (int | float, False),
    "exit.message": (str, False),
    "workspace": (dict, True),
    "environment": (dict, True),
    "environment.frozen": (list, True),
    "machine": (dict, True),
    "machine.gpus": (list, True),
    "machine.gpus.*": (dict, True),
    "machine.variables": (dict, True),
    "suite": (dict, False),
    "weights": (list, True),
    "weights.*": (dict, False),
    "packed": (dict, True),
    "packed.record": (dict, True),
    "packed.originals": (dict, True),
    "packed.originals.*": (dict, True),
}


def check(
    record: Record, wanted: Mapping[str, tuple[type | UnionType, bool]] = SHAPE
) -> Iterator[Finding]:
    """Yield what is not of the right kind; wanted: as SHAPE, for who reads more of a record."""
    for key, (kind, optional) in wanted.items():
        for value in _values(record, key.split(".")):
            if not isinstance(value, kind) and not (optional and value is None):
                meaning = "record.json was edited or damaged; restore it"
                name = getattr(kind, "__name__", str(kind))
                yield differs("record.json", key, value, f"no {name} there", meaning)


def fault(
    record: Record, wanted: Mapping[str, tuple[type | UnionType, bool]] = SHAPE
) -> str | None:
    """Return the first thing that is not of the right kind, and what to do; None if all is."""
    found = next(check(record, wanted), None)
    return f"{found.text}; {found.remedy}" if found else None


def _values(value: Any, path: list[str]) -> Iterator[Any]:  # noqa: ANN401 - whatever JSON holds
    if not path:
        yield value
    elif path[0] == "*":
        items = value.values() if isinstance(value, dict) else value
        for item in items if isinstance(value, dict | list) else ():
            yield from _values(item, path[1:])
    elif isinstance(value, dict):
        yield from _values(value.get(path[0]), path[1:])
