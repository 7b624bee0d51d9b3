"""What the checks of verify share."""

from typing import Any

from mrbench.model.finding import Finding
from mrbench.text import shown

Record = dict[str, Any]


def differs(topic: str, key: str, recorded: object, actual: object, meaning: str) -> Finding:
    """Make the finding of a mismatch; key: where the recorded value stands."""
    text = f"{key}: recorded {shown(recorded)}, found {shown(actual)}"
    return Finding(topic, "failed", text, meaning, key=key, recorded=recorded, actual=actual)
