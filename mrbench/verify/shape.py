"""Whether a record has the parts that the checks look into, each of its kind."""

from collections.abc import Iterator
from typing import Any

from mrbench.verify.base import Finding, Record, differs

# dotted key of record.json: its kind, and whether it may be absent or null
SHAPE: dict[str, tuple[type, bool]] = {
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
    "plan.window": (dict, False),
    "files": (dict, True),
    "files.*": (dict, True),
    "files.*.sha256": (str, False),
    "files.*.size_bytes": (int, False),
    "measurement": (dict, True),
    "stated": (dict, True),
    "stated.*": (dict, True),
    "validity": (dict, True),
    "observed": (dict, True),
    "exit": (dict, True),
    "workspace": (dict, True),
    "environment": (dict, True),
    "environment.frozen": (list, True),
    "machine": (dict, True),
    "machine.gpus": (list, True),
    "machine.gpus.*": (dict, True),
    "machine.variables": (dict, True),
    "suite": (dict, True),
    "packed": (dict, True),
    "packed.record": (dict, True),
    "packed.originals": (dict, True),
    "packed.originals.*": (dict, True),
}


def check(record: Record) -> Iterator[Finding]:
    """Yield what is not of the right kind."""
    for key, (kind, optional) in SHAPE.items():
        for value in _values(record, key.split(".")):
            if not isinstance(value, kind) and not (optional and value is None):
                meaning = "record.json was edited or damaged; restore it"
                yield differs("record.json", key, value, f"no {kind.__name__} there", meaning)


def _values(value: Any, path: list[str]) -> Iterator[Any]:  # noqa: ANN401 - whatever JSON holds
    if not path:
        yield value
    elif path[0] == "*":
        for item in value.values() if isinstance(value, dict) else value or ():
            yield from _values(item, path[1:])
    elif isinstance(value, dict) and (path[0] in value or len(path) == 1):
        yield from _values(value.get(path[0]), path[1:])
