"""What was looked at and what came of it: problems and findings, in one vocabulary; no I/O."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from mrbench.model.work import Unit

# ok: as it should be. note: worth knowing, and fails nothing. failed: it must not be so.
# inconclusive: looked at, and the answer is open. not checked: not looked at; the text says why.
Outcome = Literal["ok", "note", "failed", "inconclusive", "not checked"]


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong, and what to do about it; `str()` joins them as errors do."""

    text: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, and what came of it.

    topic: what was looked at, as `patches`. text: what was seen, in one line; remedy: what to do,
    or what it means where nothing can be done. implementations: whose run it concerns, empty for
    all of them. subject: what the topic is a part of, as `2019/detectron2`, `machine`, or a part of
    a run. file, line (from 1), key: where. forcible: `mrbench run --force` goes on all the same.
    figures: numbers for programs, with their units in their names; unit: of a throughput there.
    recorded, actual: two values that should be the same, of any kind that JSON has.
    """

    topic: str
    outcome: Outcome
    text: str
    remedy: str = ""
    implementations: tuple[str, ...] = ()
    subject: str = ""
    file: str = ""
    line: int | None = None
    key: str = ""
    forcible: bool = False
    figures: Mapping[str, float] = {}
    unit: Unit | None = None
    recorded: Any = None
    actual: Any = None

    def plain(self) -> dict[str, object]:
        """Return all of it as JSON holds it, which has no NaN."""
        known = {k: v if math.isfinite(v) else None for k, v in self.figures.items()}
        return {**msgspec.structs.asdict(self), "figures": known}


def count(findings: Iterable[Finding], outcome: Outcome) -> int:
    """Count the findings with that outcome."""
    return sum(finding.outcome == outcome for finding in findings)


def by_subject(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Group findings by their subject, in the order in which subjects come."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.subject, []).append(finding)
    return groups
