"""A finding of verify."""

import dataclasses
from collections.abc import Iterable
from typing import Any, Literal

from mrbench.text import shown

Level = Literal["good", "note", "differs"]
Record = dict[str, Any]


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


def count(groups: Iterable[Iterable[Finding]], level: Level) -> int:
    """Count the findings of a level."""
    return sum(finding.level == level for found in groups for finding in found)
