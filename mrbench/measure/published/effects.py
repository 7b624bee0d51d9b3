"""Where a number by a rule differs from work over time, as factors that multiply to the whole."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from mrbench.measure.published.stretches import Stretch, by_stamps, rate
from mrbench.model.published import Effect, PublishedRule
from mrbench.text import counted, four_digits

# In the order in which they are left out.
WORDS: Mapping[Literal["compile", "dispatch", "evaluation", "pause"], str] = {
    "compile": "compile or warm-up",
    "dispatch": "only dispatched (less than a third of the usual time)",
    "evaluation": "evaluation or checkpoint",
    "pause": "pause",
}
MEANT: Mapping[str, str] = {
    "mean": "a mean of rates counts slow lines too little",
    "median": "a median leaves out what is slow now and then",
    "max": "the best line is none that lasts",
    "single": "one line, not all",
    "mean_of_epoch_means": "epochs of unlike length count the same",
    "work_over_time": "the printed numbers are not those of all the time between the lines",
}
NEAR = 0.01
OF_TIMES = (
    "the printed times are not those from line to line, or lines of unlike length count alike"
)
LEAST = 0.0005  # of the number; smaller effects are not worth a line
Statistic = Callable[[set[int]], float]  # of the rule's lines but these: iterations per second


def of_statistic(
    counted_lines: Sequence[Stretch], statistic: Statistic, rule: PublishedRule
) -> list[Effect]:
    """Return what the rule's statistic makes of its own lines, against work over their time."""
    rates = rule.of == "rate" or rule.statistic != "mean"
    meant = MEANT.get(rule.statistic, rule.statistic) if rates else OF_TIMES
    return _by_kind(
        counted_lines,
        lambda left_out: statistic(left_out) / _rate_without(counted_lines, left_out),
        lambda lines: f"{_share(lines, counted_lines)}, but {_counts(lines)} like any other",
        ("statistic", meant),
    )


def of_untimed(iterations: set[int], statistic: Statistic) -> list[Effect]:
    """Return what it makes that lines count whose iterations are not among the log's timed ones."""
    if not iterations:
        return []
    which = f"{min(iterations)} to {max(iterations)}" if len(iterations) > 1 else min(iterations)
    text = (
        f"{counted(len(iterations), 'line')} of iteration {which}, before or behind those that the"
        f" log times, {'counts' if len(iterations) == 1 else 'count'} like any other"
    )
    factor = statistic(set()) / statistic(iterations)
    return _worth([Effect(cause="lines", factor=factor, text=text)])


def of_lines(
    counted_lines: Sequence[Stretch], whole: Sequence[Stretch], theirs: float
) -> list[Effect]:
    """Return what it makes that only some lines count, by work over time of these and of all.

    theirs: of the lines that count, in iterations per second.
    """
    inside = {each.last for each in counted_lines}
    left = [each for each in whole if each.last not in inside]
    rest = "lines", "the other lines that the rule leaves out"
    if len(counted_lines) == 1 and len(whole) > 1:
        rest = "single_line", _of_single(counted_lines[0], whole)
    return _by_kind(
        left,
        lambda left_out: theirs / _rate_without(whole, left_out),
        lambda lines: f"{_share(lines, whole)}, and the rule leaves {_them(lines)} out",
        rest,
    )


def _of_single(only: Stretch, whole: Sequence[Stretch]) -> str:
    """Return what one line is that stands for all."""
    times = only.each_s / statistics.median_high(each.each_s for each in whole)
    what = "" if only.kind == "usual" else f" ({WORDS[only.kind]})"
    how = f"{times:.3g} times the median" if abs(times - 1) > NEAR else "about the median"
    return f"one line of {len(whole)}: iteration {only.last} takes {how}{what}"


def of_timer(whole: Sequence[Stretch], shown_s: float, rule: PublishedRule) -> list[Effect]:
    """Return what it makes that the trainer's clock, which shows so much, leaves a part out."""
    seconds = sum(each.seconds for each in whole)
    restarts = [str(each.last) for each in whole if each.restart_s]
    excluded = left_out_by(rule) or "not said what"
    if seconds < shown_s:
        text = f"the clock shows {four_digits(shown_s - seconds)} s more than the lines' own times"
        return _worth([Effect(cause="timer", factor=seconds / shown_s, text=text)])
    where = "the lines' own times are more"
    if restarts:
        where = f"it begins anew before iteration {', '.join(restarts[:3])}"
    text = (
        f"the clock leaves out {four_digits(seconds - shown_s)} s of {four_digits(seconds)} s:"
        f" {where} (by its rule: {excluded})"
    )
    return _worth([Effect(cause="timer", factor=seconds / shown_s, text=text)])


def left_out_by(rule: PublishedRule) -> str:
    """Return in words what the trainer's timer leaves out by a rule; nothing if it says nothing."""
    steps = f"first {rule.first_steps} steps" if rule.first_steps else "first steps"
    return ", ".join(steps if each == "first_steps" else each for each in rule.excludes)


def of_stamps(whole: Sequence[Stretch], rule: PublishedRule) -> tuple[list[Effect], float]:
    """Return what the lines' time stamps make of the printed times, and the seconds by them."""
    printed_s = sum(each.seconds for each in whole)
    found = by_stamps(whole)
    if found is None:
        return [], printed_s
    stamped_s, between_s = found
    seconds = printed_s - between_s + stamped_s
    gap_s = stamped_s - between_s
    what = f"{four_digits(abs(gap_s))} s {'are in no' if gap_s > 0 else 'too many are in the'}"
    left_out = left_out_by(rule)
    why = f" (left out by its rule: {left_out})" if left_out and gap_s > 0 else ""
    text = f"by the lines' time stamps {what} printed number{why}"
    return _worth([Effect(cause="clock", factor=seconds / printed_s, text=text)]), seconds


def of_window(factor: float, first: int, last: int) -> list[Effect]:
    """Return what mrbench's window makes, by the whole log."""
    how = "slower" if factor > 1 else "faster"
    text = f"mrbench's window, iterations {first}-{last}, is {how} than the whole log"
    return _worth([Effect(cause="window", factor=factor, text=text)])


def _by_kind(
    lines: Sequence[Stretch],
    ratio: Callable[[set[int]], float],
    words: Callable[[Sequence[Stretch]], str],
    rest: tuple[str, str],
) -> list[Effect]:
    """Split a ratio by leaving out one kind of line after the other; what remains is the rest."""
    effects, left_out = [], set[int]()
    before = ratio(left_out)
    for kind, what in WORDS.items():
        of_kind = [each for each in lines if each.kind == kind]
        if not of_kind:
            continue
        left_out |= {each.last for each in of_kind}
        after = ratio(left_out)
        if math.isfinite(after) and after > 0:
            text = f"{what}: {words(of_kind)}"
            effects.append(Effect(cause=kind, factor=before / after, text=text))
            before = after
    cause, text = rest
    effects.append(Effect(cause=cause, factor=before, text=text))  # type: ignore[arg-type]
    return _worth(effects)


def _worth(effects: Sequence[Effect]) -> list[Effect]:
    """Leave out what changes nothing."""
    return [each for each in effects if abs(each.factor - 1) >= LEAST]


def _share(lines: Sequence[Stretch], of: Sequence[Stretch]) -> str:
    seconds = sum(each.seconds for each in lines)
    share = seconds / sum(each.seconds for each in of)
    verb = "holds" if len(lines) == 1 else "hold"
    return f"{counted(len(lines), 'line')} of {len(of)} {verb} {share:.1%} of the time"


def _counts(lines: Sequence[Stretch]) -> str:
    return "counts" if len(lines) == 1 else "count"


def _them(lines: Sequence[Stretch]) -> str:
    return "it" if len(lines) == 1 else "them"


def _rate_without(lines: Sequence[Stretch], left_out: set[int]) -> float:
    return rate(each for each in lines if each.last not in left_out)
