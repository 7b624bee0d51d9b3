"""In what any two runs differ: the facts of all, coded so that the page can compare two of them.

A run's facts are those of provenance.facts. The page compares codes, as provenance.differing
compares values, and words the verdict as compare does; tests/test_report_browser.py holds them to
one another.
"""

from collections.abc import Sequence
from typing import Any

from mrbench.record.provenance import (
    EXPLAINS,
    HARMLESS,
    LONGEST,
    MUST,
    UNSAID,
    Rules,
    facts,
    meaning,
    rules_for,
)
from mrbench.results.compare import compare, no_number
from mrbench.results.report.gather import Run
from mrbench.text import equal, shown

Json = dict[str, Any]
KINDS = (MUST, EXPLAINS, HARMLESS)
CONTEXTS = [(on_cpu, between) for on_cpu in (False, True) for between in (False, True)]
MOST = 60  # differences from the first run that are written down for each; the page has all


def coded(runs: Sequence[Run], labels: Sequence[str]) -> Json:
    """Return all facts that differ between any two of the runs, for the page.

    keys: each fact's name; whether silence forbids nothing (unsaid); for each of CONTEXTS its kind
    and the number of its reason; its values as text. runs: for each a code per key, -1 for absent.
    """
    found = [facts(run.record) for run in runs]
    keys: list[Json] = []
    codes: list[list[int]] = [[] for _ in runs]
    reasons: dict[str, int] = {}
    rules = [_rules(on_cpu=on_cpu, between=between) for on_cpu, between in CONTEXTS]
    for key in dict.fromkeys(key for known in found for key in known):
        values: list[object] = []
        row = [_code(known, key, values) for known in found]
        if len(set(row)) == 1:
            continue
        kinds = []
        for context in rules:
            kind, reason = meaning(key, context)
            kinds.append([KINDS.index(kind), reasons.setdefault(reason, len(reasons))])
        texts = [shown(value, LONGEST) for value in values]
        unsaid = key.startswith(UNSAID)
        keys.append({"key": shown(key), "unsaid": unsaid, "kinds": kinds, "values": texts})
        for mine, code in zip(codes, row, strict=True):
            mine.append(code)
    return {
        "kinds": list(KINDS),
        "reasons": list(reasons),
        "keys": keys,
        "runs": [
            {
                "label": label,
                "implementation": str(run.plan["implementation"]),
                "cpu": run.plan["accelerator"] == "cpu",
                "missing": no_number(run.record),
                "rate": run.measured.get("images_per_second"),
                "codes": mine,
            }
            for run, label, mine in zip(runs, labels, codes, strict=True)
        ],
    }


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


def from_first(runs: Sequence[Run], labels: Sequence[str]) -> list[Json]:
    """Return for each run but the first the verdict of comparing it with that, and what differs.

    differences: key, kind, reason, a and b as text; the harmless are only counted.
    """
    made = []
    for run, label in zip(runs[1:], labels[1:], strict=True):
        answer = compare([labels[0], label], [runs[0].record, run.record])
        told = [d for d in answer["differences"] if d["kind"] != HARMLESS]
        lines = [
            {**d, "a": shown(d["a"], LONGEST), "b": shown(d["b"], LONGEST), "key": shown(d["key"])}
            for d in told[:MOST]
        ]
        made.append(
            {
                "label": label,
                "verdict": answer["verdict"],
                "differences": lines,
                "more": len(told) - len(lines),
                "harmless": len(answer["differences"]) - len(told),
            }
        )
    return made
