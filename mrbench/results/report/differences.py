"""In what any two runs differ: the facts of all, coded so that the page can compare two of them.

A run's facts are those of provenance.facts. The page compares codes, as provenance.differing
compares values, and words the verdict as compare does; tests/test_report_browser.py holds them to
one another.
"""

from collections.abc import Mapping, Sequence

import msgspec

from mrbench.model.comparison import EXPLAINS, HARMLESS, LONGEST, MUST, Difference
from mrbench.record.provenance import UNSAID, Rules, beginning, facts, meaning, rules_for
from mrbench.results.compare import Group, Side, compare_groups, no_number
from mrbench.results.report.gather import ReportRun
from mrbench.text import equal, shorten

KINDS = (MUST, EXPLAINS, HARMLESS)
CONTEXTS = [(on_cpu, between) for on_cpu in (False, True) for between in (False, True)]
# What a difference is about, by the beginning of a fact's dotted key; the longest counts, and what
# fits none is of the last. Facts are listed in this order, so that what explains most comes first.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Commit, batch, size, framework": (
        *("plan.source.commit", "plan.source.sha256", "plan.work_per_iteration"),
        *("plan.per_device", "plan.image_size", "stated", "plan.framework", "plan.precision"),
        *("plan.gpus", "plan.nodes", "plan.accelerator", "plan.window", "plan.implementation"),
        "plan.suite",
    ),
    "Code and command": ("plan", "workspace"),
    "Software": (
        *("environment", "plan.environment", "plan.lock", "plan.lock_sha256", "package"),
        "mrbench",
    ),
    "Data and weights": ("plan.data", "weights"),
    "Machine": ("machine", "clock_mhz", "slowed", "forced"),
    "Log, suite and the rest": ("plan.log", "suite", ""),
}
PLACES = {  # number of its group, and place within that
    start: (number, place)
    for number, starts in enumerate(GROUPS.values())
    for place, start in enumerate(starts)
}
MOST = 60  # differences from the first run that are written down for each; the page has all


class CodedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run for the page: codes has one for each of CodedFacts.keys, -1 if it lacks the fact.

    cpu: whether a CPU trained; missing: why its number cannot be used; rate: its throughput.
    """

    label: str
    implementation: str
    cpu: bool
    missing: str | None
    rate: float | None
    codes: Sequence[int]


class CodedFact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that differs between any two runs.

    group: number of CodedFacts.groups; place: of the fact within its group.
    unsaid: whether silence about it forbids nothing. kinds: for each of CONTEXTS the numbers of its
    kind and reason. values: as text, in the order of their codes.
    """

    key: str
    group: int
    place: int
    unsaid: bool
    kinds: Sequence[tuple[int, int]]
    values: Sequence[str]


class CodedFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All facts that differ between any two runs."""

    groups: Sequence[str]
    kinds: Sequence[str]
    reasons: Sequence[str]
    keys: Sequence[CodedFact]
    runs: Sequence[CodedRun]


class FromFirst(msgspec.Struct, frozen=True, kw_only=True):
    """How a row differs from the first; harmless differences are only counted.

    groups: title and differences, those that forbid a comparison first.
    """

    label: str
    verdict: str
    groups: Sequence[tuple[str, Sequence[Difference]]]
    more: int
    harmless: int


def coded(runs: Sequence[ReportRun], labels: Sequence[str]) -> CodedFacts:
    """Return all facts that differ between any two of the runs, for the page."""
    known = [facts(run.record) for run in runs]
    keys: list[CodedFact] = []
    codes: list[list[int]] = [[] for _ in runs]
    reasons: dict[str, int] = {}
    rules = [_rules(on_cpu=on_cpu, between=between) for on_cpu, between in CONTEXTS]
    for key in dict.fromkeys(key for one in known for key in one):
        values: list[object] = []
        row = [_code(one, key, values) for one in known]
        if len(set(row)) == 1:
            continue
        kinds = []
        for context in rules:
            kind, reason = meaning(key, context)
            kinds.append((KINDS.index(kind), reasons.setdefault(reason, len(reasons))))
        texts = [shorten(value, LONGEST) for value in values]
        unsaid = key.startswith(UNSAID)
        group, place = PLACES[beginning(key, PLACES)]
        keys.append(
            CodedFact(
                key=shorten(key),
                group=group,
                place=place,
                unsaid=unsaid,
                kinds=kinds,
                values=texts,
            )
        )
        for mine, code in zip(codes, row, strict=True):
            mine.append(code)
    return CodedFacts(
        groups=list(GROUPS),
        kinds=KINDS,
        reasons=list(reasons),
        keys=keys,
        runs=[
            CodedRun(
                label=label,
                implementation=run.plan.implementation,
                cpu=run.plan.accelerator == "cpu",
                missing=no_number(run.record, edited=run.edited),
                rate=run.record.throughput,
                codes=mine,
            )
            for run, label, mine in zip(runs, labels, codes, strict=True)
        ],
    )


def _rules(*, on_cpu: bool, between: bool) -> Rules:
    """Return what differences mean where a CPU trains, and between two implementations."""
    device = "cpu" if on_cpu else "gpu"
    one, other = (
        {"plan.accelerator": device, "plan.implementation": name}
        for name in ("one", "other" if between else "one")
    )
    return rules_for(one, other)


def _code(known: dict[str, object], key: str, values: list[object]) -> int:
    if key not in known:
        return -1
    for i, value in enumerate(values):
        if equal(value, known[key]):
            return i
    values.append(known[key])
    return len(values) - 1


def from_first(groups: Sequence[Sequence[ReportRun]], names: Sequence[str]) -> list[FromFirst]:
    """Return for each row but the first how its runs compare with those of the first."""
    sides = [
        Group(name, [Side(run.called, run.record, run.edited) for run in runs])
        for runs, name in zip(groups, names, strict=True)
    ]
    return [_from_first(sides[0], side) for side in sides[1:]]


def _from_first(first: Group, side: Group) -> FromFirst:
    comparison = compare_groups(first, side)
    told = f"{comparison.conclusion}. " if comparison.conclusion else ""
    matter = [d for d in comparison.differences if d.kind != HARMLESS]
    return FromFirst(
        label=side.name,
        verdict=f"{told}{comparison.verdict}",
        groups=_grouped(matter[:MOST]),
        more=max(0, len(matter) - MOST),
        harmless=len(comparison.differences) - len(matter),
    )


def _grouped(differences: Sequence[Difference]) -> list[tuple[str, list[Difference]]]:
    """Put differences into their groups; within one, those that forbid a comparison first."""
    groups: dict[str, list[Difference]] = {title: [] for title in GROUPS}
    titles = list(GROUPS)
    for d in sorted(differences, key=lambda d: (KINDS.index(d.kind), _place(d))):
        texts = (shorten(v, LONGEST) for v in (d.a, d.b))
        groups[titles[_place(d)[0]]].append(Difference(shorten(d.key), d.kind, d.reason, *texts))
    return [(title, of) for title, of in groups.items() if of]


def _place(difference: Difference) -> tuple[int, int]:
    return PLACES[beginning(difference.key, PLACES)]
