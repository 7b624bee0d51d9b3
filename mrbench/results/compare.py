"""Whether the numbers of two runs, or of repeats, may be compared, and then how they do."""

from collections.abc import Sequence
from typing import NamedTuple

from mrbench.measure.repeats import Noise, Ratio, between_runs, ratio
from mrbench.model.comparison import EXPLAINS, MUST, ComparedSide, Comparison, Difference
from mrbench.model.record import RunRecord
from mrbench.model.suite import Suite
from mrbench.recipe import load
from mrbench.record.provenance import OWN_MODEL, Facts, between, facts, rules_for
from mrbench.results import footnotes
from mrbench.results.rows import rounding
from mrbench.text import ABSENT, equal, first_few

LARGE = 100  # percent
MOST = 4  # facts that the verdict names
TRAINED = ("plan.", "workspace.tree")  # begin the facts on what was trained
TELLING = ("plan.implementation", "plan.source.commit", "plan.source.sha256")  # tell most of them


class Side(NamedTuple):
    """A run to compare; name: its folder or archive. edited: as rundir.load_checked says."""

    name: str
    record: RunRecord
    edited: bool = False

    @property
    def why_not(self) -> str | None:
        """Why its number cannot be used, or None."""
        return no_number(self.record, edited=self.edited)


class Group(NamedTuple):
    """Runs that stand for one side, oldest first, at least one; name: what they are called.

    noise: what a baseline knows of it, for a side of one run.
    """

    name: str
    runs: Sequence[Side]
    noise: Noise | None = None

    @property
    def usable(self) -> Sequence[Side]:
        """The runs whose numbers can be used; where there is none, all."""
        return [run for run in self.runs if run.why_not is None] or self.runs


def compare_groups(one: Group, other: Group) -> Comparison:
    """Compare by provenance, then by numbers; repeats of a side must be alike, too."""
    each = [[facts(run.record) for run in group.usable] for group in (one, other)]
    known = [_joined(of_group) for of_group in each]
    differences = tuple(between(known[0], known[1], rules_for(known[0], known[1])))
    reasons = [d.reason if d.key == OWN_MODEL else str(d) for d in differences if d.kind == MUST]
    for label, group, of_group in zip("AB", (one, other), each, strict=True):
        reasons += [f"{label} has no number: {_why(group)}"] * all(r.why_not for r in group.runs)
        reasons += [f"the runs of {label} differ, {d}" for d in _apart(of_group)]
    a, b = _compared(one), _compared(other)
    found = None
    if not reasons and a.run_throughput and b.run_throughput:
        found = ratio(
            b.run_throughput,
            a.run_throughput,
            noise=other.noise,
            by_noise=one.noise,
            rounding=max(rounding(run.record) for run in (*one.usable, *other.usable)),
        )
        if {*a.runs} & {*b.runs}:  # the interval is one of independent runs
            found = Ratio(ratio=found.ratio, low=None, high=None)
    return Comparison(
        a=a,
        b=b,
        comparable=not reasons,
        verdict=_verdict((one.runs[-1].record, other.runs[-1].record), differences, reasons),
        ratio_b_to_a=found.ratio if found else None,
        low_ratio_b_to_a=found.low if found else None,
        high_ratio_b_to_a=found.high if found else None,
        conclusion=concluded(found, a, b) if found else "",
        differences=differences,
        of_suite=footnotes.between(
            _suite(other).differences,
            [group.runs[-1].record.plan.implementation for group in (one, other)],
        ),
    )


def _suite(group: Group) -> Suite:
    record = group.runs[-1].record
    return load.suite_at_hand(record.plan.suite, record.suite)


def _joined(known: Sequence[Facts]) -> Facts:
    """Return the facts of several runs as those of one: what differs among them has all values."""
    if len(known) == 1:
        return known[0]
    joined: dict[str, object] = {}
    for key in dict.fromkeys(key for one in known for key in one):
        values: list[object] = []
        for one in known:
            value = one.get(key, ABSENT)
            if not any(equal(value, other) for other in values):
                values.append(value)
        joined[key] = values[0] if len(values) == 1 else " | ".join(sorted(map(str, values)))
    return joined


def _apart(known: Sequence[Facts]) -> list[str]:
    """Return what forbids to take runs of these facts together: they are no repeats."""
    first, *others = known
    found = []
    for unlike in (between(first, other, rules_for(first, other)) for other in others):
        trained = [d for d in unlike if d.kind == EXPLAINS and d.key.startswith(TRAINED)]
        trained.sort(key=lambda d: d.key not in TELLING)
        found += [d for d in unlike if d.kind == MUST] + trained[:1]  # one tells enough of another
    return list(dict.fromkeys(map(str, found)))


def _why(group: Group) -> str:
    reasons = list(dict.fromkeys(str(run.why_not) for run in group.runs))
    return first_few(reasons, 1, last="; and")


def concluded(found: Ratio, a: ComparedSide, b: ComparedSide) -> str:
    """Say what a ratio of b to a says."""
    if found.low is None or found.high is None:
        single = [name for name, side in (("A", a), ("B", b)) if len(side.runs) == 1]
        who = "both are single runs" if single[1:] else f"{''.join(single)} is a single run"
        if {*a.runs} & {*b.runs}:
            who = "a run stands on both sides"
        return f"B is {faster(found.ratio)}; what the next runs would show is not known, as {who}"
    ends = sorted((found.low, found.high))
    if ends[0] <= 1 <= ends[1]:
        return (
            f"No difference is shown: B is between {faster(ends[0])} and {faster(ends[1])} (95 %"
            " interval)"
        )
    shares = sorted(100 * abs(end - 1) for end in ends)
    both = f"{_share(shares[0])} to {_share(shares[1])} %"
    return f"B is {faster(found.ratio)} (95 % interval {both})"


def faster(value: float) -> str:
    """Return a ratio of speeds as `1.2 % faster`."""
    word = "faster" if value > 1 else "slower"
    return f"{_share(100 * abs(value - 1))} % {word}" if value != 1 else "as fast"


def _share(percent: float) -> str:
    return f"{percent:.1f}" if percent < LARGE else f"{percent:.4g}"


def no_number(record: RunRecord, *, edited: bool) -> str | None:
    """Say why a run's number cannot be used, or None; edited: as rundir.load_checked says."""
    if edited:
        return "its record was edited, `mrbench verify` tells more"
    if record.validity and record.validity.verdict == "invalid":
        return f"invalid: {record.validity.why or 'no reason'}"
    if record.status != "ok" or not record.throughput:
        return f"{record.status}: {record.reason or 'no reason'}"
    return None


def _compared(group: Group) -> ComparedSide:
    newest = group.runs[-1]
    counted = [run for run in group.runs if run.why_not is None]
    rates = [run.record.throughput or 0.0 for run in counted]
    repeats = between_runs(rates) if rates else None
    interval = repeats.interval if repeats else None
    if len(counted) == 1 and counted[0].record.measurement:
        interval = counted[0].record.measurement.interval
    return ComparedSide(
        run=group.name,
        id=newest.record.id,
        status=newest.record.status,
        unit=newest.record.plan.unit,
        throughput=repeats.throughput if repeats else None,
        interval=interval,
        runs=tuple(run.record.id for run in counted),
        run_throughput=tuple(rates),
        assumed_noise=group.noise.deviation if group.noise and len(rates) == 1 else None,
        left_out=tuple(f"{run.name}: {run.why_not}" for run in group.runs if run.why_not),
    )


def _verdict(
    records: Sequence[RunRecord], differences: Sequence[Difference], reasons: Sequence[str]
) -> str:
    if reasons:
        return f"May NOT be compared: {first_few(reasons, MOST, '; ', '; and')}."
    names = [record.plan.implementation for record in records]
    between = "" if names[0] == names[1] else f" {names[0]} and {names[1]} of one suite,"
    count = sum(d.kind == EXPLAINS for d in differences)
    if not count:
        return "May be compared: same plan, same machine."
    things = "1 thing differs that" if count == 1 else f"{count} things differ that"
    return f"May be compared:{between} {things} may explain a difference."
