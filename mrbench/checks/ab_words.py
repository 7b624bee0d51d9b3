"""What `mrbench ab` says: after each pair, and in the end; in words and figures."""

import math
from collections.abc import Sequence

from mrbench.checks.baseline.words import share
from mrbench.measure.sequential import Judgement, Terms
from mrbench.model.record import RunRecord
from mrbench.model.work import Unit, rate_name
from mrbench.record.machine_rules import slowed_by
from mrbench.text import counted, four_digits

STILL_OPEN = (
    "the change is about as large as the margin, or the machine is not steady: start again with"
    " another --margin or more --max-pairs"
)
UNLIKE = "compare two that differ in code, packages, command or variables only"


def answer(
    judgement: Judgement,
    terms: Terms,
    speeds: tuple[float, float],
    labels: tuple[str, str],
    unit: Unit,
) -> str:
    """Say in one line what came out; speeds: mean throughput of old and new, in the unit."""
    margin = share(terms.margin)
    verdict = {
        "ok": f"not slower by {margin} or more",
        "failed": f"slower by more than {margin}",
        "inconclusive": f"whether it is slower by {margin} or more is undecided",
    }[judgement.verdict]
    pairs = counted(judgement.pairs, "pair")
    rates = f"{four_digits(speeds[0])} and {four_digits(speeds[1])} {rate_name(unit)}"
    return f"{change(judgement)}: {verdict}; {pairs} of {labels[0]} and {labels[1]}, {rates}"


def slowed(records: Sequence[RunRecord]) -> str:
    """Say how many runs something else slowed, and by what the last of them; or nothing."""
    texts = [tuple(slowed_by(record).values()) for record in records]
    known = [each for each in texts if each]
    if not known:
        return ""
    return f"; {len(known)} of {len(records)} runs were slowed: {known[-1][0]}"


def progress(judgement: Judgement, terms: Terms) -> str:
    """Say after a pair how sure the answer is."""
    text = f"after {counted(judgement.pairs, 'pair')}: {change(judgement)}"
    if judgement.verdict != "inconclusive":
        return f"{text}; decided"
    if not judgement.level:
        return text
    slower = judgement.p_fail < judgement.p_pass
    least = min(judgement.p_fail, judgement.p_pass)
    what = "slower by more than" if slower else "not slower by"
    sure = f"{_percent(1 - least)} sure that it is {what} {share(terms.margin)}"
    return f"{text}; {sure}, {_percent(1 - judgement.level)} would decide"


def figures(judgement: Judgement, terms: Terms, old: float, new: float) -> dict[str, float]:
    """Return all numbers of the answer; the interval is a 95 % one."""
    known: dict[str, float | None] = {
        "throughput": new,
        "old_throughput": old,
        "pairs": judgement.pairs,
        "max_pairs": terms.max_pairs,
        "margin": terms.margin,
        "ratio": math.exp(judgement.change),
        "ratio_low": None if judgement.low is None else math.exp(judgement.low),
        "ratio_high": None if judgement.high is None else math.exp(judgement.high),
        "p_slower": judgement.p_fail,
        "p_not_slower": judgement.p_pass,
        "level": judgement.level,
    }
    return {name: value for name, value in known.items() if value is not None}


def change(judgement: Judgement) -> str:
    """Return `slower by 4.8 % (95 % interval 3.9 to 5.7)`."""
    slower = 100 * (1 - math.exp(judgement.change))
    sign = 1 if slower >= 0 else -1
    text = f"{'slower' if sign > 0 else 'faster'} by {abs(slower):.1f} %"
    if judgement.low is None or judgement.high is None:
        return text
    ends = sorted(sign * 100 * (1 - math.exp(end)) for end in (judgement.low, judgement.high))
    return f"{text} (95 % interval {ends[0]:.1f} to {ends[1]:.1f})"


def _percent(value: float) -> str:
    """Return a probability below one, never rounded to it."""
    return f"{min(100 * value, 99.9):.1f} %"
