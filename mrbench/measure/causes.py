"""Why two clocks may differ: the likely cause by their ratio and by where it shows; what to do."""

import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from mrbench.measure.spans import Span, amounts
from mrbench.model.clocks import Cause
from mrbench.model.logformat import Timing
from mrbench.model.measurement import LeadingClock
from mrbench.model.work import Unit, one_of
from mrbench.text import first_few, numbers

SHORT = 0.05  # of its share of all seconds: a line that came so soon had waited in a buffer
BURSTS = 0.25  # of the spans
UNEVEN = 0.05  # of an interval's seconds: less is noise
BURST = 0.01  # of all seconds: the longest wait between two bursts, if it matters
CONCENTRATED = 0.7  # of all that is too much: in few spans it is an event, else a habit
FEW = 0.45  # of the spans; what most of them have is a habit
ALIKE = 0.25  # of the others' ratio, though time stamps may have whole seconds
LEAST_GROWING, GROWN = 8, 1.5  # lines, and times the first one's figure
FEW_GROW = 0.2  # of the lines, that may have paused
MARGIN = 0.1  # of a ratio that has a reason
MUCH = 3.0  # times the log's seconds: more than data loading adds to every iteration
SKIPPED = 0.8  # times the log's seconds: less is not explained by skipped iterations
HOUR_S = 3600.0
NEAR_HOUR_S = 60.0  # beyond whole hours, or a tenth of an interval: more is a pause
LEAST_SET_BACK_S = 1.0  # less is two lines whose order changed


class Pair(NamedTuple):
    """A span by the log's own figures and by another clock, in seconds."""

    span: Span
    log_s: float
    other_s: float

    @property
    def excess_s(self) -> float:
        """Return the seconds that the other clock has more."""
        return self.other_s - self.log_s


class Figures(NamedTuple):
    """How a log's figures are read: LogFormat's timing, and the work of one iteration, in the unit.

    rates: they are work per second, whatever a parser makes of them. own: a recipe's pattern or
    columns read them, so that its keys can be corrected. checks: the arrival clock leads, which
    these figures only check.
    """

    timing: Timing | None = None
    work: int | None = None
    unit: Unit = "images"
    rates: bool = False
    own: bool = False
    checks: bool = False

    def correct(self, key: str) -> str:
        """Return what to do about figures that are read in a wrong way; key: with its value."""
        if self.own:
            return f"correct the recipe: {key}"
        return "check that the log is of this format and version, or parse it by a log.pattern"


class Explanation(NamedTuple):
    """The likely cause in words, what to do about it, and the spans that show it (none: all)."""

    cause: Cause
    text: str
    remedy: str
    where: Sequence[Span] = ()


EVENT = "keep it out of the window (guards), or choose another window"
UNBUFFERED = "make the training print at once (PYTHONUNBUFFERED=1, or launch.terminal)"


def in_bursts(pairs: Sequence[Pair]) -> bool:
    """Return whether lines waited in a buffer: many arrived at once, or some early, others late."""
    matters = max(p.other_s for p in pairs) >= BURST * sum(p.other_s for p in pairs)
    return matters and (_many_at_once(pairs) or _uneven(pairs))


def _many_at_once(pairs: Sequence[Pair]) -> bool:
    log_s, other_s = sum(p.log_s for p in pairs), sum(p.other_s for p in pairs)
    short = sum(p.other_s * log_s < SHORT * other_s * p.log_s for p in pairs)
    return short >= BURSTS * len(pairs)


def _uneven(pairs: Sequence[Pair]) -> bool:
    """Return whether many intervals are too short, and others so much longer, though the log's not.

    So they are where a buffer holds the lines of less than one interval.
    """
    beyond = [p.excess_s for p in pairs if abs(p.excess_s) > UNEVEN * p.log_s + p.span.rounding_s]
    soon, late = [e for e in beyond if e < 0], [e for e in beyond if e > 0]
    if len(soon) < BURSTS * len(pairs) or sum(late) < -sum(soon) / 2:
        return False
    own = [p.log_s / p.span.count for p in pairs]
    arrived = [p.other_s / p.span.count for p in pairs]
    return _spread(arrived) > 2 * _spread(own)


def _spread(paces: Sequence[float]) -> float:
    return statistics.pstdev(paces) / statistics.fmean(paces)


def longest_burst_s(spans: Sequence[Span]) -> float:
    """Return how late a line may have arrived: 0 unless they arrived many at once."""
    pairs = [Pair(s, float(s.count), s.arrival_s) for s in spans if s.arrival_s is not None]
    longest_s = max((p.other_s for p in pairs), default=0.0)
    # counts are no seconds, so that uneven intervals may as well be those of the training
    if longest_s < BURST * sum(p.other_s for p in pairs) or not _many_at_once(pairs):
        return 0.0
    return longest_s


def jumps(pairs: Sequence[Pair], other: LeadingClock) -> list[Pair]:
    """Return where a clock of the day was set: by hours, or back."""
    if other != "printed":
        return []
    hours = [p for p in pairs if _by_hours(p) and (p.excess_s > 0 or p.other_s < 0)]
    back = [p for p in pairs if p.other_s < -LEAST_SET_BACK_S]
    # often: the lines of ranks whose clocks differ; their differences add up to nothing
    return hours or (back if len(back) == 1 else [])


def set_clock(places: Sequence[Pair]) -> Explanation:
    """Explain a clock that was set."""
    change_s = places[0].excess_s
    hours = f"{change_s / HOUR_S:+.0f} h" if _by_hours(places[0]) else f"{change_s:+.0f} s"
    text = f"the clock that stamps the lines was set by {hours} {_at(places)}"
    remedy = "trust the log's own seconds, or run again"
    return Explanation("clock_set", text, remedy, [p.span for p in places])


def explain(pairs: Sequence[Pair], other: LeadingClock, figures: Figures) -> Explanation:
    """Return the likely cause of a difference; pairs: without those where a clock was set."""
    agreement = sum(p.other_s for p in pairs) / sum(p.log_s for p in pairs)
    if other == "arrival" and in_bursts(pairs):
        text = "its output came in bursts, many lines at once"
        return Explanation("buffered_output", text, UNBUFFERED)
    ratios = [p.other_s / p.log_s for p in pairs if p.log_s > 0]
    typical = statistics.median(ratios)
    if figures.rates and (batch := _other_batch(agreement, typical, figures)):
        return batch
    for ratio, why in _factors(pairs, figures):
        if any(abs(actual / ratio - 1) <= MARGIN for actual in (agreement, typical)):
            return why
    if other_kind := _cumulative(pairs, figures) or _rate(pairs, figures):
        return other_kind
    outliers = _outliers(pairs)
    if outliers and agreement > 1:
        return _event(outliers)
    return _habit(agreement, typical, figures, pairs)


def explain_total(agreement: float, figures: Figures) -> Explanation:
    """Return the likely cause where the figures of many iterations differ from their total."""
    if figures.rates and (batch := _other_batch(agreement, agreement, figures)):
        return batch
    for ratio, why in _units(figures):
        if abs(agreement / ratio - 1) <= MARGIN:
            return why
    text = "a figure may be that of one batch, not the mean of all since the line before"
    remedy = "give a log with time stamps, or run the training with mrbench, for a second clock"
    return Explanation("wrong_timing", text, remedy)


def _factors(pairs: Sequence[Pair], figures: Figures) -> Iterator[tuple[float, Explanation]]:
    """Yield ratios of the other clock's seconds to the log's that have a reason, each with it."""
    timing, work = figures.timing, figures.work or 1
    each = round(statistics.median(p.span.count for p in pairs))
    if each > 1 and timing == "interval_mean":
        what = f"the seconds of all {each} iterations since the line before"
        yield 1 / each, _seem(figures, "wrong_timing", what, "log.timing: interval_total")
    if each > 1 and timing == "interval_total":
        what, key = "the seconds of one iteration", "log.timing: interval_mean"
        yield each, _seem(figures, "wrong_timing", what, key)
    if work > 1 and timing == "iterations_per_second":
        what = f"{figures.unit} per second, taken for iterations per second"
        yield work, _seem(figures, "wrong_unit", what, "log.timing: rate")
    elif work > 1 and not figures.rates:
        what = f"seconds per {one_of(figures.unit)}, taken for seconds per iteration"
        yield work, _seem(figures, "wrong_unit", what, "log.timing: rate, of its inverse")
    yield from _units(figures)


def _seem(figures: Figures, cause: Cause, what: str, key: str) -> Explanation:
    return Explanation(cause, f"its figures seem to be {what}", figures.correct(key))


def _units(figures: Figures) -> Iterator[tuple[float, Explanation]]:
    if figures.rates or figures.timing == "iterations_per_second":
        yield 1e-3, _seem(figures, "wrong_unit", "in thousands", "log.pattern, log.timing")
        return
    for ratio, what, key in (
        (1e-3, "milliseconds, taken for seconds", "log.unit: ms"),
        (1e-6, "microseconds, taken for seconds", "log.unit: us"),
        (60.0, "minutes, taken for seconds", "log.pattern, as its value must be seconds"),
        (1e3, "seconds, taken for milliseconds", "log.unit: s"),
    ):
        yield ratio, _seem(figures, "wrong_unit", what, key)


def _rate(pairs: Sequence[Pair], figures: Figures) -> Explanation | None:
    """Explain figures whose inverse is the other clock's: they are no times, but rates."""
    if not figures.own or figures.timing not in ("interval_mean", "running_mean"):
        return None
    inverse_s = sum(p.span.count**2 / p.log_s for p in pairs if p.log_s > 0)
    other_s = sum(p.other_s for p in pairs)
    for times, what, key in (
        (1, "iterations per second", "iterations_per_second"),
        (figures.work or 1, f"{figures.unit} per second", "rate"),
    ):
        if abs(times * inverse_s / other_s - 1) <= MARGIN:
            text = f"{what}, taken for seconds"
            return _seem(figures, "wrong_unit", text, f"log.timing: {key}")
    return None


def _other_batch(agreement: float, typical: float, figures: Figures) -> Explanation | None:
    """Explain rates that fit an iteration of a part of the work, or of several times as much."""
    work, unit = figures.work or 1, figures.unit
    fits = round(agreement * work)
    part = 0 < fits < work and work % fits == 0
    if not part and not (fits > work and fits % work == 0):
        return None
    # a pause makes any ratio, in one place
    near = abs(agreement * work / fits - 1) <= MARGIN / 2
    if not near or abs(typical * work / fits - 1) > ALIKE:
        return None
    remedy = "give the batch that was trained (--work-per-iteration, workload.per_device)"
    if fits == 1:
        text = f"its rates fit iterations of 1 {one_of(unit)}, not of {work}; or they are"
        return Explanation(
            "wrong_unit",
            f"{text} iterations per second",
            f"{remedy}, or log.timing: iterations_per_second",
        )
    text = f"its rates fit iterations of {fits} {unit}, not of {work}; or they are those of"
    if work < fits < MUCH * work:
        text = f"its rates fit iterations of {fits} {unit}, not of {work}; or they leave out a part"
        return Explanation(
            "wrong_unit",
            f"{text} of every iteration, such as data loading",
            f"{remedy}, or run it with log.clock: arrival",
        )
    if fits > work:
        text = f"{text} calls that return before the work is done (asynchronous dispatch)"
        return Explanation("wrong_unit", text, f"{remedy}, or let log.clock: arrival lead")
    return Explanation("wrong_unit", f"{text} one GPU of {work // fits}", remedy)


def _event(outliers: Sequence[Pair]) -> Explanation:
    extra_s = sum(p.excess_s for p in outliers)
    places = [p.span.last for p in outliers]
    steps = {b - a for a, b in pairwise(places)}
    regular = len(places) > 2 and max(steps) <= (1 + MARGIN) * min(steps)  # noqa: PLR2004 - two are any
    what = "where it may have paused, evaluated or saved a checkpoint"
    if regular:
        what = f"about every {round(statistics.median(steps))} iterations, perhaps at epochs' ends"
    text = f"{extra_s:.1f} s more than the log tells {_at(outliers)}, {what}"
    return Explanation("evaluation_or_checkpoint", text, EVENT, [p.span for p in outliers])


def _habit(
    agreement: float, typical: float, figures: Figures, pairs: Sequence[Pair]
) -> Explanation:
    """Explain a difference that no place explains."""
    if typical >= MUCH:
        text = (
            "everywhere alike; its figures may be the time of a call that returns before the work"
            " is done (asynchronous dispatch)"
        )
        remedy = figures.correct("leave value out of log.pattern and give log.clock: arrival")
        return Explanation("asynchronous_calls", text, remedy)
    if agreement > 1:
        text = (
            "everywhere alike, so the log's clock leaves out a part of every iteration, such as"
            " data loading or the time between epochs"
        )
        remedy = "if it should count, run it with log.clock: arrival"
        if figures.checks:
            remedy = "the number counts it, by the arrival clock"
        return Explanation("partial_clock", text, remedy)
    if agreement > SKIPPED and figures.timing == "running_mean":
        text = (
            "less than its figures make; it may count iterations that it does not train, such as"
            " batches without a box"
        )
        remedy = "look in the log for what it skips, or choose another window"
        return Explanation("skipped_iterations", text, remedy)
    if agreement < SKIPPED and figures.timing == "running_mean":
        text = (
            "less than its figures make, which no unit explains; its mean may be that of other"
            " iterations, or its time stamps are wrong"
        )
        return Explanation("changed_format", text, figures.correct("log.timing, log.counts_from"))
    each = round(statistics.median(p.span.count for p in pairs))
    keys = "log.every, log.smoothing, log.timing or log.counts_from"
    if agreement > 1 - MARGIN:  # near 1, and no cause is known that makes it
        return Explanation("unknown", "less than its figures make", figures.correct(keys))
    often = f"every {each}" if each > 1 else "after each"
    text = (
        "less than its figures make: its lines may come more often than thought; each seems to tell"
        f" of about {round(each / agreement)} iterations, though one comes {often}"
    )
    return Explanation("changed_format", text, figures.correct(keys))


def _cumulative(pairs: Sequence[Pair], figures: Figures) -> Explanation | None:
    """Explain figures that grow from line to line by what passed."""
    passed_s = sum(p.other_s for p in pairs[1:])
    each = statistics.median(p.span.count for p in pairs)
    rise_s = pairs[-1].log_s - pairs[0].log_s
    rises = all(one.log_s < two.log_s for one, two in pairwise(pairs))
    by_what_passed = passed_s > 0 and any(
        abs(by / passed_s - 1) <= MARGIN for by in (rise_s, rise_s / each)
    )
    return _since_start(figures) if rises and by_what_passed else None


def _since_start(figures: Figures) -> Explanation:
    text = "its figures grow from line to line as the time since the start does"
    return Explanation("wrong_timing", text, figures.correct("log.timing: cumulative"))


def grown(spans: Sequence[Span], figures: Figures) -> Explanation | None:
    """Explain figures that rise from line to line by the same, as no training's seconds do.

    A batch that grows makes them rise, too, but not those of its work.
    """
    if not figures.own or figures.timing not in ("interval_mean", "interval_total"):
        return None
    paces = [span.log_s / work for span, work in zip(spans, amounts(spans), strict=True)]
    if len(paces) < LEAST_GROWING or not paces[-1] >= GROWN * paces[0] > 0:
        return None
    rises = [
        (two - one) / b.count for (one, two), b in zip(pairwise(paces), spans[1:], strict=True)
    ]
    usual = statistics.median(rises)
    alike = sum(abs(rise - usual) <= ALIKE * usual for rise in rises)
    if min(rises) <= 0 or alike < (1 - FEW_GROW) * len(rises):
        return None
    return _since_start(figures)


def _by_hours(pair: Pair) -> bool:
    """Return whether a clock has whole hours too much or too little."""
    hours = round(pair.excess_s / HOUR_S)
    near_s = max(NEAR_HOUR_S, MARGIN * pair.log_s)
    return hours != 0 and abs(pair.excess_s - hours * HOUR_S) <= near_s


def _outliers(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the few spans with most of the excess, in order; none if all spans share it."""
    usual = statistics.median(p.excess_s / p.span.count for p in pairs)
    above = {i: p.excess_s - max(usual, 0.0) * p.span.count for i, p in enumerate(pairs)}
    total = sum(p.excess_s for p in pairs)
    few = sorted(above, key=lambda i: -above[i])[: max(1, round(FEW * len(pairs)))]
    chosen: list[int] = []
    for i in few:
        if above[i] <= 0 or sum(above[j] for j in chosen) >= CONCENTRATED * total:
            break
        chosen.append(i)
    if len(pairs) > 1 and sum(above[j] for j in chosen) >= CONCENTRATED * total:
        return [pairs[i] for i in sorted(chosen)]
    return []


def _at(pairs: Sequence[Pair]) -> str:
    places = first_few([numbers(p.span.first + 1, p.span.last) for p in pairs], 3)
    one = len(pairs) == 1 and pairs[0].span.last == pairs[0].span.first + 1
    return f"in iteration{'s' * (not one)} {places}"
