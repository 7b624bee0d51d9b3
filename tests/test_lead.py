"""The sentences above a table: which row is fastest, by how much, and what is not established."""

import json
from pathlib import Path
from typing import Any

import pytest

from manyruns import KEPT
from mrbench.model.table import Lead
from mrbench.results.lead import lead, with_lead
from mrbench.results.rows import TableRun, make_rows
from test_table import SUITE, record
from toy import mrbench

ALONE = "a"
A = (60.0, 60.3, 59.8)
B = (50.0, 50.2, 49.9)
NEAR = (59.7, 60.5, 59.9)
MORE = {"window": {"first": 20, "last": 60}}
BATCH = {"work_per_iteration": 99, "source": {"commit": "d" * 40}}


def several(name: str, rates: tuple[float, ...], **change: Any) -> list[TableRun]:  # noqa: ANN401 - JSON
    return [record(name, rate, started=str(i), **change) for i, rate in enumerate(rates)]


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        ([*several("a", A), *several("b", B)], "a is fastest: 60.0 ± 0.6 img/s, 1.200 times as"),
        ([*several("a", A), *several("b", NEAR)], "Whether a or b is fastest is not established"),
        ([*several("a", A), *several("b", NEAR)], "Not established: the order of a and b."),
        ([record("a", 60), record("b", 30)], "a has the highest number: 60.00 img/s, 2 times that"),
        ([record("a", 60), record("b", 30)], "One run each: the order of neighbours is not"),
        ([record("a", 60), *several("b", B)], "a is a single run: its place is not established."),
        ([record("a", 60)], "one run, which says nothing about the next"),
        ([record("a", 60), record("b", None)], "1 row has no valid number."),
        ([record("b", None)], "No row has a valid number"),
        ([record("a", 60), record("b", 30, plan=MORE)], "1 row may not be compared with a"),
        ([record("a", 60), record("a", 30, plan=BATCH)], "1 row may not be compared with a"),
    ],
)
def test_what_is_established_is_said_and_no_more(runs: list[TableRun], says: str) -> None:
    text = lead(make_rows(SUITE, runs))
    assert says in text.replace("a@cccccccccccc", "a")
    assert "is fastest: " not in text or says.startswith("a is fastest")


def leads(runs: list[TableRun]) -> list[Lead | None]:
    return [row.lead for row in with_lead(make_rows(SUITE, runs))]


def test_the_lead_stands_in_the_row_that_has_it() -> None:
    first, none = leads([*several("a", A), *several("b", B)])
    assert none is None
    assert first
    assert (first.fastest, first.second, first.established) == (ALONE, "b" + ALONE[1:], True)
    assert first.low
    assert first.ratio
    assert first.high
    assert first.ratio == pytest.approx(1.2, rel=1e-2)
    assert 1 < first.low < first.ratio < first.high
    assert first.reason == ""
    assert first.text == lead(make_rows(SUITE, [*several("a", A), *several("b", B)]))


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ([*several("a", A), *several("b", NEAR)], "the interval contains 1"),
        ([record("a", 60), record("b", 30)], f"{ALONE} and b{ALONE[1:]} are single runs"),
        ([record("a", 60), *several("b", B)], f"{ALONE} is a single run"),
        ([record("a", 60)], "it is the only row"),
        ([record("a", 60), record("b", 30, plan=MORE)], "no other row may be compared with it"),
    ],
)
def test_a_lead_that_is_not_established_says_why(runs: list[TableRun], reason: str) -> None:
    found = leads(runs)[0]
    assert found
    assert not found.established
    assert found.reason.replace("a@cccccccccccc", ALONE) == reason
    assert (found.low is None) == ("contains" not in reason)


def test_models_of_their_own_have_no_order() -> None:
    rows = make_rows(SUITE, [record("a", 60), record("b", 30)])
    text = lead(rows, one_model=False)
    assert text.startswith("Each implementation trains a model of its own")
    assert "a has" not in text
    assert all(row.lead is None for row in with_lead(rows, one_model=False))
    assert lead(rows[:1], one_model=False) == lead(rows[:1])


def test_rows_without_a_number_have_no_lead() -> None:
    assert leads([record("b", None)]) == [None]


def test_why_rows_may_not_be_compared_is_said_by_name_and_value() -> None:
    text = lead(make_rows(SUITE, [record("a", 60), record("b", 30, plan=MORE)]))
    assert "1 row may not be compared with a: other iterations are measured (20 / 100)" in text


def test_points_of_a_grid_are_said_to_differ_in_its_parameters() -> None:
    def point(rate: float, batch: int) -> TableRun:
        setting = {"value": batch, "default": 2}
        plan = {"parameters": {"batch": setting}, "per_device": batch, "work_per_iteration": batch}
        return record("a", rate, plan=plan, plan_digest=f"digest of {batch}")

    text = lead(make_rows(SUITE, [point(60, 8), point(30, 2), point(50, 4)]))
    assert "The other 2 rows differ from it in batch, and so in the work of an iteration." in text


def test_json_has_the_lead_of_each_suite_and_csv_has_none(tmp_path: Path) -> None:
    done = mrbench("table", "smoke", "--json", "--runs", KEPT, cwd=tmp_path)
    first, *others = json.loads(done.stdout)
    assert first["lead"]["fastest"] == first["name"] == "tensorpack"
    assert first["lead"]["reason"] == "tensorpack and detectron2 are single runs"
    assert first["lead"]["low"] is None
    assert all(row["lead"] is None for row in others)
    words = ("table", "smoke", "--json", "--runs", KEPT, "--filter", "name=detectron2")
    one = mrbench(*words, cwd=tmp_path)
    assert json.loads(one.stdout)[0]["lead"]["reason"] == "it is the only row"
    csv = mrbench("table", "smoke", "--format", "csv", "--runs", KEPT, cwd=tmp_path)
    assert "lead" not in csv.stdout.splitlines()[0].split(",")
