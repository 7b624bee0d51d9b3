"""The sentences above a table: which row is fastest, by how much, and what is not established."""

from typing import Any

import pytest

from mrbench.results.lead import lead
from mrbench.results.rows import TableRun, make_rows
from test_table import SUITE, record

A = (60.0, 60.3, 59.8)
B = (50.0, 50.2, 49.9)
NEAR = (59.7, 60.5, 59.9)
MORE = {"window": {"first": 20, "last": 60}}
BATCH = {"images_per_iteration": 99, "source": {"commit": "d" * 40}}


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
