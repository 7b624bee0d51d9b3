"""New runs against a baseline: what may be compared, and whether it is as fast."""

import dataclasses
import math
from collections.abc import Iterator, Mapping

from mrbench.checks.baseline import words
from mrbench.checks.baseline.baseline import Baseline, Entry, Key, called
from mrbench.checks.baseline.choice import Repeats
from mrbench.checks.baseline.further import GUESS, SURE, further
from mrbench.checks.baseline.likeness import differing
from mrbench.checks.baseline.sample import NONE
from mrbench.checks.baseline.verdict import Terms, Verdict, judge
from mrbench.measure.distributions import quantile
from mrbench.model.finding import Checked, Outcome
from mrbench.record.provenance import EXPLAINS, MUST
from mrbench.text import shown

OUTCOMES: Mapping[Verdict, Outcome] = {
    "pass": "passed",
    "fail": "failed",
    "inconclusive": "inconclusive",
}
UNLIKE = "compare like with like, or save a baseline of its own for these runs"
SLOWER = "look at what may explain it; if it is meant, `mrbench baseline update FILE --accept WHY`"
LONGEST = 1000  # characters of a line; records may say anything
WITHIN = 5  # degrees of freedom of an interval within a run of 400 iterations


@dataclasses.dataclass(frozen=True, kw_only=True)
class Against:
    """What runs are held against: a baseline, on what terms; file, lines: where its entries are."""

    baseline: Baseline
    terms: Terms
    file: str
    lines: Mapping[Key, int]

    def found(self, key: Key, check: str, outcome: Outcome, text: str, remedy: str = "") -> Checked:
        """Make a finding on one series."""
        name = called(key, {entry.key for entry in self.baseline.entries})
        return Checked(
            check=check,
            subject=shown(f"{self.baseline.suite}/{name}"),
            outcome=outcome,
            text=shown(text, LONGEST),
            remedy=shown(remedy, LONGEST) if remedy else "",
            file=self.file,
            line=self.lines.get(key),
        )


def check(against: Against, groups: Mapping[Key, Repeats]) -> Iterator[Checked]:
    """Hold each entry against its series' latest runs; what is not in the baseline is skipped."""
    left = {key: repeats for key, repeats in groups.items() if repeats.records}
    for entry in against.baseline.entries:
        repeats = left.pop(entry.key, None) or groups.get(entry.key)
        if repeats is None:  # runs on other devices: the refusal names that
            other = next((key for key in left if key[0] == entry.implementation), None)
            repeats = left.pop(other) if other else None
        yield from _entry(against, entry, repeats)
    for key in left:
        text = "is not in the baseline"
        yield against.found(
            key, "throughput", "skipped", text, "`mrbench baseline update FILE` adds it"
        )


def _entry(against: Against, entry: Entry, repeats: Repeats | None) -> Iterator[Checked]:
    new = repeats.without(entry.known_runs) if repeats else None
    if new is None or not new.records:
        more = further(entry.sample, NONE, against.terms, odds=SURE)
        remedy = words.first(more)
        yield against.found(entry.key, "throughput", "inconclusive", _lack(repeats, new), remedy)
        return
    differ = differing(entry.provenance, new.facts)
    forbid = [d for d in differ if d.kind == MUST]
    if forbid:
        yield against.found(entry.key, "provenance", "failed", words.forbidden(forbid), UNLIKE)
        return
    text = words.explained([d for d in differ if d.kind == EXPLAINS])
    yield against.found(entry.key, "provenance", "passed", text)
    yield _throughput(against, entry, new)


def _throughput(against: Against, entry: Entry, repeats: Repeats) -> Checked:
    base, new = entry.sample, repeats.sample
    # an error that is spread evenly between two bounds deviates by their root of three
    floor = max(entry.rounding, repeats.rounding) / math.sqrt(3)
    terms = dataclasses.replace(against.terms, floor=floor)
    found = judge(base, new, terms)
    text = words.compared(found, base, new, terms)
    if repeats.left_out:
        text += f"; {len(repeats.left_out)} left out: {repeats.left_out[0]}"
    remedy, more = "", None
    if found.verdict == "fail":
        remedy = SLOWER
    elif found.verdict == "inconclusive":
        more = further(base, new, terms, guess=_guess(entry, repeats))
        remedy = words.remedy(more, base)
    outcome = OUTCOMES[found.verdict]
    answer = against.found(entry.key, "throughput", outcome, text, remedy)
    figures = words.figures(found, base, new, terms, more)
    return dataclasses.replace(answer, figures=figures)


def _lack(repeats: Repeats | None, new: Repeats | None) -> str:
    """Say why there is nothing to compare."""
    if repeats is None or new is None:
        return "no run of it"
    if repeats.records:
        return "no run of it but those of the baseline, which cannot test themselves"
    return f"no valid run: {repeats.left_out[0] if repeats.left_out else 'none is there'}"


def _guess(entry: Entry, repeats: Repeats) -> float:
    """Return a noise to plan with where none is known: no less than within a run."""
    pairs = zip(
        (*entry.half_widths, *repeats.half_widths),
        (*entry.images_per_second, *repeats.rates),
        strict=False,
    )
    within = [half / rate / quantile(WITHIN) for half, rate in pairs if half is not None]
    return max(GUESS, *within) if within else GUESS
