"""What the checks of verify share."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mrbench.errors import MrbenchError
from mrbench.model.finding import Finding
from mrbench.model.record import RunRecord
from mrbench.model.work import with_new_names
from mrbench.record.archive import Opened
from mrbench.text import shorten


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A run and its record. content: the JSON that lies in record.json, as old as it may be.

    deep: whether to read all files of its environment.
    """

    run: Opened
    record: RunRecord
    content: Mapping[str, Any]  # compared leaf by leaf with what the files yield today
    deep: bool = False

    @property
    def renamed(self) -> Mapping[str, Any]:
        """The content with the names that keys have today."""
        lifted: dict[str, Any] = with_new_names(self.content)
        return lifted

    def relative(self, exc: MrbenchError) -> str:
        """Return an error in one line, without the path of the run's folder."""
        return exc.seen_from(self.run.folder.path)


def differs(topic: str, key: str, recorded: object, actual: object, meaning: str) -> Finding:
    """Make the finding of a mismatch; key: where the recorded value stands."""
    text = f"{key}: recorded {shorten(recorded)}, found {shorten(actual)}"
    return Finding(topic, "failed", text, meaning, key=key, recorded=recorded, actual=actual)


def unreadable(topic: str, exc: MrbenchError, key: str) -> Finding:
    """Make the finding of a file that cannot be decoded; key: where the record speaks of it."""
    text = f"{exc.key}: {exc.text}" if exc.key else exc.text
    return Finding(
        topic,
        "failed",
        text,
        exc.remedy,
        file=str(exc.file or ""),
        line=exc.line,
        key=exc.key or key,
    )
