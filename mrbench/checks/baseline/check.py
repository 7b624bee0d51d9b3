"""New runs against a baseline: what may be compared, and whether it is as fast."""

import math
from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from mrbench.checks.baseline import words
from mrbench.checks.baseline.choice import ValidRuns
from mrbench.checks.baseline.likeness import differing
from mrbench.checks.baseline.runs_needed import GUESS, SURE, runs_needed
from mrbench.checks.baseline.verdict import Terms, judge, stored_sample
from mrbench.measure.repeats import NONE
from mrbench.measure.student import t_quantile
from mrbench.model.baseline import Baseline, BaselineEntry, Key, series_name
from mrbench.model.comparison import EXPLAINS, MUST
from mrbench.model.finding import Finding
from mrbench.record.provenance import SLOWED
from mrbench.text import shorten

UNLIKE = "compare like with like, or save a baseline of its own for these runs"
SLOWER = "look at what may explain it; if it is meant, `mrbench baseline update FILE --accept WHY`"
NOT_QUIET = "the change may be that of the load; measure again on a quiet machine"
LONGEST = 1000  # characters of a line; records may say anything
WITHIN = 5  # degrees of freedom of an interval within a run of 400 iterations


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What runs are held against: a baseline, on what terms; file, lines: where its entries are."""

    baseline: Baseline
    terms: Terms
    file: str
    lines: Mapping[Key, int]

    def placed(self, key: Key, found: Finding) -> Finding:
        """Return a finding with the series that it is on, and where the file has that."""
        name = series_name(key, {entry.key for entry in self.baseline.entries})
        return replace(
            found,
            subject=shorten(f"{self.baseline.suite}/{name}"),
            text=shorten(found.text, LONGEST),
            remedy=found.remedy and shorten(found.remedy, LONGEST),
            file=self.file,
            line=self.lines.get(key),
        )


def check_runs(gate: Gate, groups: Mapping[Key, ValidRuns]) -> Iterator[Finding]:
    """Hold each entry against its series' latest runs; what is not in the baseline is skipped."""
    left = {key: repeats for key, repeats in groups.items() if repeats.records}
    for entry in gate.baseline.entries:
        repeats = left.pop(entry.key, None) or groups.get(entry.key)
        if repeats is None:  # runs on other devices: the refusal names that
            alike = (key for key in left if (key[0], key[3]) == (entry.key[0], entry.key[3]))
            other = next(alike, None)
            repeats = left.pop(other) if other else None
        yield from (gate.placed(entry.key, found) for found in _entry(entry, repeats, gate.terms))
    for key in left:
        remedy = "`mrbench baseline update FILE` adds it"
        found = Finding("throughput", "not checked", "is not in the baseline", remedy)
        yield gate.placed(key, found)


def _entry(entry: BaselineEntry, repeats: ValidRuns | None, terms: Terms) -> Iterator[Finding]:
    new = repeats.without(entry.known_runs) if repeats else None
    if new is None or not new.records:
        base = stored_sample(entry)
        remedy = words.first(runs_needed(base, NONE, terms, odds=SURE), base)
        yield Finding("throughput", "inconclusive", _lack(repeats, new), remedy)
        return
    differ = differing(entry.provenance, new.facts)
    forbid = [d for d in differ if d.kind == MUST]
    if forbid:
        yield Finding("provenance", "failed", words.forbidden(forbid), UNLIKE)
        return
    explain = [d for d in differ if d.kind == EXPLAINS and not d.key.startswith(SLOWED)]
    yield Finding("provenance", "ok", words.explained(explain))
    for whose, facts in (("the baseline", entry.provenance), ("the new runs", new.facts)):
        for key, text in facts.items():
            if key.startswith(f"{SLOWED}."):
                yield Finding("machine", "note", f"{whose}, {text}", NOT_QUIET)
    yield _throughput(entry, new, terms)


def _throughput(entry: BaselineEntry, repeats: ValidRuns, terms: Terms) -> Finding:
    base, new = stored_sample(entry), repeats.sample
    # an error that is spread evenly between two bounds deviates by their root of three
    terms = replace(terms, floor=max(entry.rounding, repeats.rounding) / math.sqrt(3))
    judgement = judge(base, new, terms)
    text = words.compared(judgement, base, new, terms, entry.unit)
    if repeats.left_out:
        text += f"; {len(repeats.left_out)} left out: {repeats.left_out[0]}"
    remedy, more = "", None
    if judgement.verdict == "failed":
        remedy = SLOWER
    elif judgement.verdict == "inconclusive":
        # one run decides nothing, so it was no look
        again = replace(terms, look=terms.look + (new.freedom > 0))
        more = runs_needed(base, new, again, guess=_guess(entry, repeats))
        remedy = words.remedy(more, base, again)
    figures = words.figures(judgement, base, new, terms, more)
    outcome = judgement.verdict
    return Finding("throughput", outcome, text, remedy, figures=figures, unit=entry.unit)


def _lack(repeats: ValidRuns | None, new: ValidRuns | None) -> str:
    """Say why there is nothing to compare."""
    if repeats is None or new is None:
        return "no run of it"
    if repeats.records:
        return "no run of it but those of the baseline, which cannot test themselves"
    return f"no valid run: {repeats.left_out[0] if repeats.left_out else 'none is there'}"


def _guess(entry: BaselineEntry, repeats: ValidRuns) -> float:
    """Return a noise to plan with where none is known: no less than within a run."""
    pairs = zip(
        (*entry.half_widths, *repeats.half_widths),
        (*entry.throughput, *repeats.rates),
        strict=False,
    )
    within = [half / rate / t_quantile(WITHIN) for half, rate in pairs if half is not None]
    return max(GUESS, *within) if within else GUESS
