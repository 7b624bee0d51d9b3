"""The demo as a user runs it: its own environment, a real training, checked by its true times."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mrbench import embedded
from mrbench.prepare.source import checkout_path, prepare
from mrbench.recipe import load
from toy import records

LIMIT_S = 900  # a safety net for a slow network; nothing is decided by it


def test_the_pins_are_those_of_the_files() -> None:
    file = load.load_named("demo", "minimask")
    source = file.recipe.source
    commit = embedded.commit_id("minimask")
    assert source.commit == commit, f"put {commit} into recipes/demo/minimask.yaml"
    made = prepare(source, file.patches, None, lambda _: None)  # refuses another tree
    assert made.tree == source.tree
    assert made.path == checkout_path(source, tuple(raw for _, raw in file.patches))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


def mrbench(*words: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "mrbench", *words]
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_measures_what_the_training_itself_timed(folder: Path) -> None:
    (record,) = records(mrbench("run", "--suite", "demo", "--json", cwd=folder))
    run = folder / "runs" / record["id"]
    truth: list[dict[str, Any]] = [
        json.loads(line) for line in (run / "kept" / "truth.jsonl").read_text().splitlines()
    ]
    seconds = sum(t["seconds"] for t in truth if 100 < t["iteration"] <= 500)
    measured = record["measurement"]
    assert (measured["first"], measured["last"]) == (101, 500)
    # the log prints 4 decimals of a mean over 20 iterations
    assert measured["log_seconds"] == pytest.approx(seconds, abs=400 * 0.00005)
    assert measured["images_per_second"] == pytest.approx(800 / seconds, rel=0.01)
    assert record["workspace"]["tree"] == record["plan"]["source"]["tree"]
    assert "jax==0.10.2" in record["environment"]["frozen"]
    assert "minimask" in mrbench("table", "--suite", "demo", cwd=folder)
    parsed = json.loads(
        mrbench("parse", str(run / "train.log"), "--suite", "demo", "--json", cwd=folder)
    )
    assert parsed["implementation"] == "minimask"
    assert parsed["images_per_second"] == measured["images_per_second"]
    assert parsed["agreement"] == measured["agreement"]
