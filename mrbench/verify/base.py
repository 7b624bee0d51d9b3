"""A finding of verify, and how two values, or two trees of values, are compared."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

Level = Literal["good", "note", "differs"]
Record = dict[str, Any]
TOLERANCE = 1e-9  # relative; sums in another order may differ in the last digits
LONGEST = 160  # characters of a value that a line shows
ABSENT = "(absent)"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was checked. key, recorded, found: where and what does not match."""

    topic: str
    level: Level
    text: str
    meaning: str = ""
    key: str = ""
    recorded: object = None
    found: object = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; what differs only where something does."""
        plain = dataclasses.asdict(self)
        if self.level != "differs":
            plain = {name: plain[name] for name in ("topic", "level", "text", "meaning")}
        return plain


def differs(topic: str, key: str, recorded: object, found: object, meaning: str) -> Finding:
    """Make the finding of a mismatch."""
    text = f"{key}: recorded {shown(recorded)}, found {shown(found)}"
    return Finding(topic, "differs", text, meaning, key, recorded, found)


def shown(value: object) -> str:
    """Write a value for one line."""
    text = value if isinstance(value, str) else repr(value)
    plain = "".join(c if c.isprintable() else " " for c in text) or "nothing"
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."


def flat(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Yield each leaf with its dotted key; empty containers are leaves."""
    if isinstance(value, Mapping) and value:
        for name in value:
            yield from flat(value[name], f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple) and value:
        for i, item in enumerate(value):
            yield from flat(item, f"{key}[{i}]")
    else:
        yield key, [] if value == () else value


def differences(recorded: object, found: object) -> Iterator[tuple[str, object, object]]:
    """Yield key, recorded value and found value of each leaf that differs."""
    ours, theirs = dict(flat(found)), dict(flat(recorded))
    for key in dict.fromkeys((*theirs, *ours)):
        one, other = theirs.get(key, ABSENT), ours.get(key, ABSENT)
        if not equal(one, other):
            yield key, one, other


def equal(one: object, other: object) -> bool:
    """Compare two leaves; measured numbers to TOLERANCE, all else exactly."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other  # 1 is no truth value
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-15)
    return one == other


def count(groups: Iterable[Iterable[Finding]], level: Level) -> int:
    """Count the findings of a level."""
    return sum(finding.level == level for found in groups for finding in found)
