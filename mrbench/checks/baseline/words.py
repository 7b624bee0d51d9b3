"""The gate's findings in words and figures."""

import math
from collections.abc import Sequence

from mrbench.checks.baseline.runs_needed import MOST
from mrbench.checks.baseline.verdict import Judgement, Terms
from mrbench.measure.repeats import Sample, ratio_of
from mrbench.measure.student import t_quantile
from mrbench.model.comparison import Difference
from mrbench.model.work import Unit, rate_name
from mrbench.text import counted, first_few, four_digits

FEW = 4  # facts that a line names
ENOUGH = 10  # runs of a baseline, beyond which more of them help little


def share(value: float) -> str:
    """Return `3 %`, `2.5 %`."""
    return f"{100 * value:.3g} %"


def signed(change: float) -> str:
    """Return `-1.2 %`, `+0.0 %`."""
    return f"{100 * change:+.1f} %"


def compared(judgement: Judgement, base: Sample, new: Sample, terms: Terms, unit: Unit) -> str:
    """Say what came out, and of what."""
    speed = f"{four_digits(ratio_of(base.mean))} {rate_name(unit)}"
    text = f"{_percent(judgement.change)} of the baseline's {speed}"
    if judgement.low is not None and judgement.high is not None:
        text += f" ({share(judgement.confidence)} interval {_percent(judgement.low)} to"
        text += f" {_percent(judgement.high)})"
    text += f": {_answer(judgement, terms)}; {counted(new.count, 'run')}{_noise(new)}"
    text += f" against {base.count}{_noise(base)}"
    if not new.freedom:
        text += "; a single run does not show how much the new runs vary"
    elif not base.freedom:
        text += "; a single run does not show how much the baseline's vary"
    if terms.look > 1:
        text += f"; look {terms.look}"
    return text


def _noise(side: Sample) -> str:
    return f" with noise {share(math.sqrt(side.variance))}" if side.freedom else ""


def _answer(judgement: Judgement, terms: Terms) -> str:
    margin = share(terms.margin)
    if terms.two_sided:
        return {
            "ok": f"the same within {margin}",
            "failed": f"differs by more than {margin}",
            "inconclusive": f"whether it is the same within {margin} cannot be told yet",
        }[judgement.verdict]
    return {
        "ok": f"not slower by {margin} or more",
        "failed": f"slower by more than {margin}",
        "inconclusive": f"whether it is slower by {margin} or more cannot be told yet",
    }[judgement.verdict]


def first(count: int | None, base: Sample) -> str:
    """Say how many runs to begin with."""
    if count is None and base.count < ENOUGH:
        return _larger(base)
    return f"run it with --repeat {count or MOST}, into the folder that --runs names"


def remedy(count: int | None, base: Sample, again: Terms) -> str:
    """Say how many further runs would decide; again: the terms of the check after them."""
    if count is not None:
        text = f"{counted(count, 'further run')} would more likely than not decide"
        look = f" with --look {again.look}" if again.look > 1 else ""
        return f"{text}: run the same with --repeat {count}, then check again{look}"
    if not base.freedom:
        return _larger(base)
    if base.count < ENOUGH:
        text = _larger(base)
    else:
        text = "the change is about as large as the margin; look at it, or choose another --margin"
    return f"not even {MOST} further runs would decide: {text}"


def _larger(base: Sample) -> str:
    return f"the baseline has only {counted(base.count, 'run')}; save a baseline of {ENOUGH} runs"


def forbidden(differences: Sequence[Difference]) -> str:
    """Name what must be alike and is not."""
    named = first_few([f"{d} ({d.reason})" for d in differences], FEW, "; ", "; and")
    return f"may not be compared: {named}"


def explained(differences: Sequence[Difference]) -> str:
    """Name what may explain a change."""
    if not differences:
        return "the same code, packages and machine"
    named = first_few([str(d) for d in differences], FEW, "; ", "; and")
    return f"may be compared; what may explain a change: {named}"


def figures(
    judgement: Judgement, base: Sample, new: Sample, terms: Terms, more: int | None
) -> dict[str, float]:
    """Return all numbers of a finding; what is not known is left out.

    low and high of throughput: 95 % interval of the new mean; of ratio: that by which it
    was judged, 90 % at the first look. noise: one run's standard deviation, a share.
    """
    known: dict[str, float | None] = {
        "throughput": ratio_of(new.mean),
        "baseline_throughput": ratio_of(base.mean),
        "repeats": new.count,
        "baseline_repeats": base.count,
        "margin": terms.margin,
        "ratio": ratio_of(judgement.change),
        "ratio_low": None if judgement.low is None else ratio_of(judgement.low),
        "ratio_high": None if judgement.high is None else ratio_of(judgement.high),
        "ratio_confidence": None if judgement.low is None else judgement.confidence,
        "noise": math.sqrt(new.variance) if new.freedom else None,
        "noise_freedom": new.freedom,
        "baseline_noise": math.sqrt(base.variance) if base.freedom else None,
        "baseline_noise_freedom": base.freedom,
        "look": terms.look,
        "further_repeats": more,
    }
    if new.freedom:
        noise = math.sqrt(max(new.variance, terms.floor**2))
        reach = t_quantile(new.freedom) * noise / math.sqrt(new.count)
        known["throughput_low"] = ratio_of(new.mean - reach)
        known["throughput_high"] = ratio_of(new.mean + reach)
    return {name: value for name, value in known.items() if value is not None}


def _percent(change: float) -> str:
    return f"{100 * ratio_of(change):.1f} %"
