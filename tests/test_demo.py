"""The demo as a user runs it: its own environment, a real training, checked by its true times."""

import json
from pathlib import Path
from typing import Any

import pytest

from mrbench.prepare.source import checkout_path
from mrbench.recipe import load
from pins import assert_pinned
from toy import mrbench, records


def test_the_pins_are_those_of_the_files() -> None:
    file = load.load_named("demo", "minimask")
    made = assert_pinned("minimask", "demo", "minimask")
    assert made.path == checkout_path(file.recipe.source, file.patches)


def test_the_demo_measures_what_the_training_itself_timed(demo: Path) -> None:
    (record,) = records((demo / "events").read_text())
    run = demo / "runs" / record["id"]
    truth: list[dict[str, Any]] = [
        json.loads(line) for line in (run / "kept" / "truth.jsonl").read_text().splitlines()
    ]
    seconds = sum(t["seconds"] for t in truth if 100 < t["iteration"] <= 500)
    measured = record["measurement"]
    assert (measured["first"], measured["last"]) == (101, 500)
    # the log prints 4 decimals of a mean over 20 iterations
    assert measured["log_seconds"] == pytest.approx(seconds, abs=400 * 0.00005)
    assert measured["throughput"] == pytest.approx(800 / seconds, rel=0.01)
    assert record["workspace"]["tree"] == record["plan"]["source"]["tree"]
    assert "jax==0.10.2" in record["environment"]["frozen"]
    assert "minimask" in mrbench("table", "--suite", "demo", cwd=demo).stdout
    read = mrbench("parse", run / "train.log", "--suite", "demo", "--json", cwd=demo)
    parsed = json.loads(read.stdout)
    assert parsed["implementation"] == "minimask"
    assert parsed["throughput"] == measured["throughput"]
    assert parsed["agreement"] == measured["agreement"]
