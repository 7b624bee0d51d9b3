"""Which rows may be compared: one decision for table, first line, report and `mrbench compare`."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from manyruns import KEPT
from mrbench.model.comparison import MUST
from mrbench.model.record import RunRecord
from mrbench.record.formats import record_of
from mrbench.record.provenance import facts, forbidding, meaning, rules_for, terms
from mrbench.results.comparable import why_not
from mrbench.results.compare import Group, Side, compare_groups
from mrbench.results.rows import make_rows, table_run

RECORDS = sorted(KEPT.glob("smoke/*/*/record.json"))
GPUS = [{"name": "Tesla V100"}, {"name": "Tesla T4"}]


def changed(path: Path, **plan: Any) -> RunRecord:  # noqa: ANN401 - JSON
    """Return a kept record with another plan; machine and stated are the record's own keys."""
    content = json.loads(path.read_bytes()) | {"digest": None}
    for key in ("machine", "stated"):
        if key in plan:
            value = plan.pop(key)
            content[key] = None if value is None else content[key] | value
    content["plan"] |= plan
    content["plan_digest"] = json.dumps(plan)
    return record_of(json.dumps(content).encode(), "record.json")


def variants() -> list[RunRecord]:
    """Return records that differ in each thing that may forbid a comparison."""
    first, *_ = RECORDS
    on_gpus = {"accelerator": "gpu", "machine": {"gpus": GPUS}}
    changes: list[dict[str, Any]] = [
        {},
        {"window": {"first": 30, "last": 60}},
        {"work_per_iteration": 3},
        {"per_device": 2},
        {"gpus": 2},
        {"precision": "bfloat16"},
        {"image_size": None},
        {"image_size": "800/1333"},
        {"data": None},
        {"machine": {"cpu": "another"}},
        {"machine": {"cpu_quota_cores": 1.5}},
        {"machine": None},
        {"stated": {"gpus": {"value": "7", "line": 1}}},
        {"stated": None},
        on_gpus,
        {**on_gpus, "machine": {"gpus": GPUS[:1]}},
        {**on_gpus, "machine": {"gpus": GPUS, "cpu": "another"}},
    ]
    return [*(changed(path) for path in RECORDS), *(changed(first, **each) for each in changes)]


@pytest.mark.parametrize("record", variants())
def test_terms_are_the_facts_that_may_forbid(record: RunRecord) -> None:
    known = facts(record)
    rules = rules_for(known, known)
    deciding = {
        key: value
        for key, value in known.items()
        if meaning(key, rules)[0] == MUST or key == "plan.implementation"
    }
    assert terms(record) == deciding
    assert list(terms(record)) == list(deciding)  # the first difference is the reason


def test_any_two_rows_of_a_group_may_be_compared() -> None:
    records = variants()
    for number, record in enumerate(records):  # a row of its own each, by its commit
        source = replace(record.plan.source, commit=f"{number:040x}")
        plan = replace(record.plan, source=source)
        records[number] = replace(record, plan=plan, plan_digest=f"{number:064x}")
    rows = make_rows(records[0].suite, [table_run(record) for record in records])
    assert len(rows) == len(records)
    by_commit = {record.plan.source.commit: terms(record) for record in records}
    for one, other in itertools.combinations(rows, 2):
        if one.comparison_group == other.comparison_group:
            assert not forbidding(by_commit[one.commit], by_commit[other.commit])
    groups = [row.comparison_group for row in rows]
    assert groups[0] == 1
    assert max(groups) > 10
    assert all((row.comparison_group == 1) == (not row.comparison_reason) for row in rows)


def test_whole_records_and_their_terms_lead_to_one_decision() -> None:
    for one, other in itertools.combinations(variants(), 2):
        found = forbidding(facts(one), facts(other))
        assert forbidding(terms(one), terms(other))[:1] == found[:1]
        a, b = Group("a", [Side("a", one)]), Group("b", [Side("b", other)])
        comparison = compare_groups(a, b)
        assert comparison.comparable == (not found) == (not why_not(terms(one), terms(other)))


def test_recipes_with_models_of_their_own_are_compared_with_themselves_only() -> None:
    one, other, again = (
        replace(record, suite=replace(record.suite, one_model=False))
        for record in (
            changed(RECORDS[0]),
            changed(RECORDS[1], title="other"),
            changed(RECORDS[0], precision="x"),
        )
    )
    reason = "each recipe of the suite trains a model of its own"
    assert reason in why_not(terms(one), terms(other))
    assert reason in [d.reason for d in forbidding(facts(one), facts(other))]
    assert "other arithmetic" in why_not(terms(one), terms(again))
    rows = make_rows(one.suite, [table_run(one), table_run(other)])
    assert len({row.comparison_group for row in rows}) == 2
