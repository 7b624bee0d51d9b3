"""Failures provoked for real: each program is run by mrbench, which must name the cause."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from failing import TRAIN
from failures import KINDS, lacking
from jobs import marked
from toy import RECIPE, SUITE

MARK = "MRBENCH_TEST_TREE"
Record = dict[str, Any]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Record]]:
    """Run all that this machine can provoke in one go; return the records by name."""
    folder = tmp_path_factory.mktemp("failures")
    variables = _variables(folder)
    commit = _upstream(folder / "upstream", variables)
    suite = folder / "toys"
    suite.mkdir()
    (suite / "suite.yaml").write_text(SUITE)
    recipes = []
    for name, kind in KINDS.items():
        if lacking(kind):
            continue
        text = RECIPE.format(url=folder / "upstream", commit=commit)
        command = json.dumps(kind.command.replace("NAME", name))
        text = text.replace('"{python} train.py 60 0.002"', command)
        text = text.replace("launch:\n", f"launch:\n  inherit: [{MARK}]\n")
        if name == "stops":
            text = text.replace("stall_limit_s: 60", "stall_limit_s: 3")
        if name == "sleeps":
            text = text.replace("limit_s: 120", "limit_s: 3")
        recipes.append(suite / f"{name.replace('_', '-')}.yaml")
        recipes[-1].write_text(text)
    words = [sys.executable, "-m", "mrbench", "run", "--recipe", *map(str, recipes)]
    done = subprocess.run(
        words, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    found = [json.loads(p.read_text()) for p in folder.glob("runs/toys/*/*/record.json")]
    assert len(found) == len(recipes), done.stderr
    yield {r["plan"]["implementation"].replace("-", "_"): r for r in found}
    assert not marked(f"{MARK}={variables[MARK]}"), "something was left running"


def _variables(folder: Path) -> dict[str, str]:
    outside = ("MRBENCH_", "GIT_", "XDG_")
    variables = {k: v for k, v in os.environ.items() if not k.startswith(outside)}
    own = {"HOME": folder, "MRBENCH_HOME": folder / "home", "MRBENCH_LOCKS": folder}
    return variables | {k: str(v) for k, v in own.items()} | {MARK: str(folder)}


def _upstream(folder: Path, variables: dict[str, str]) -> str:
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "train"],
    ):
        subprocess.run(["git", *words], cwd=folder, env=variables, check=True)
    told = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


@pytest.mark.parametrize("name", KINDS)
def test_the_cause_is_named(records: dict[str, Record], name: str) -> None:
    kind = KINDS[name]
    if name not in records:
        pytest.skip(f"{name}: {lacking(kind)}")
    record = records[name]
    measured = record["measurement"]
    failure = measured["failure"]
    assert failure is not None, record["reason"]
    assert (failure["cause"], record["status"]) == (kind.cause, kind.status), record["reason"]
    assert kind.line in failure["line"]
    assert failure["rank"] == kind.rank
    assert failure["remedy"]
    assert failure["remedy"] in record["reason"]
    assert failure["line"] in record["reason"]
    assert measured["throughput"] is None


def test_most_were_tried(records: dict[str, Record]) -> None:
    assert len(records) >= len([k for k in KINDS.values() if not k.needs]) >= 40
