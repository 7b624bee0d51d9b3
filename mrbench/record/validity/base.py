"""What the rules' checks share: their signature, a finding, and the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mrbench.model.suite import Rule

Record = Mapping[str, Any]
Verdict = Literal["valid", "valid with notes", "invalid"]
Outcome = Literal["held", "broken", "unknown"]


class Check(Protocol):
    """A function from a record and its rule to what is found, in words."""

    def __call__(self, record: Record, rule: Rule, /) -> tuple[Outcome, str]:
        """Return the outcome and its text; unknown where the record does not tell."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one rule found; otherwise and reason are the rule's."""

    rule: str
    outcome: Outcome
    text: str
    reason: str
    otherwise: str


@dataclass(frozen=True, kw_only=True)
class Validity:
    """The verdict on a run; why: what makes it invalid; notes: what to know of a valid one."""

    verdict: Verdict
    why: str = ""
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def equal(what: str, stated: str | None, wanted: object, where: str) -> tuple[Outcome, str]:
    """Compare what the training states with what the plan says; numbers by value."""
    if stated is None or wanted is None:
        who = "the log does not state" if stated is None else "the recipe does not say"
        return "unknown", f"{who} {what}"
    if stated == str(wanted):
        return "held", f"{what}: {stated} ({where})"
    return "broken", f"{what}: {stated} by the log ({where}), {wanted} by the plan"
