"""What a check for CI looked at, and what it found: the rows of `mrbench check`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

Outcome = Literal["passed", "failed", "inconclusive", "skipped"]


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong, and what to do about it; `str()` joins them as errors do."""

    text: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One check of one subject.

    check: its name, as `patch applies`. subject: what it looked at, as `2019/detectron2`.
    text: what was found, in one line; remedy: what to do about it. file, line: where, for an
    annotation. figures: numbers of it for machines, with their units in their names.
    """

    check: str
    subject: str
    outcome: Outcome
    text: str
    remedy: str = ""
    file: str = ""
    line: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
