"""Two clocks in real runs: trainings that leave something out of their own figures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toy import edit, make_suite, mrbench, records

RULES = "  - {rule: clocks, reason: both must agree, otherwise: note}\n"


@pytest.fixture
def run(tmp_path: Path, git: Callable[..., str]) -> Callable[..., dict[str, Any]]:
    """Return a function that changes the toy's training and runs it."""
    path = make_suite(tmp_path, git)
    with (path.parent / "suite.yaml").open("a") as suite:
        suite.write(RULES)

    def go(old: str, new: str) -> dict[str, Any]:
        upstream = tmp_path / "upstream"
        edit(upstream / "train.py", old, new)
        before = git(upstream, "rev-parse", "HEAD")
        git(upstream, "commit", "-qam", "changed")
        edit(path, before, git(upstream, "rev-parse", "HEAD"))
        done = mrbench("run", "--json", "--recipe", path, cwd=tmp_path)
        assert done.returncode in (0, 6), done.stderr
        record: dict[str, Any] = records(done.stdout)[0]
        return record

    return go


def test_an_evaluation_that_the_log_leaves_out_is_named_with_its_line(
    run: Callable[..., dict[str, Any]],
) -> None:
    pause = '    if i == 25:\n        print("Start inference on 5000 images", flush=True)\n'
    pause += "        time.sleep(0.3)\n        began += 0.3\n"
    record = run("    if i % 10 == 0:\n", pause + "    if i % 10 == 0:\n")
    found = record["measurement"]["disagreement"]
    assert found["cause"] == "evaluation_or_checkpoint"
    assert (found["first"], found["last"]) == (21, 30)
    assert found["seconds"] == pytest.approx(0.3, abs=0.1)
    assert found["text"].endswith("tells of an evaluation: Start inference on 5000 images")
    assert record["validity"]["verdict"] == "valid with notes"
    assert record["validity"]["notes"] == [found["text"]]  # told once, as the rule and the warning


def test_figures_in_milliseconds_give_no_number(
    run: Callable[..., dict[str, Any]],
) -> None:
    record = run("(now - began) / 10:.6f", "1000 * (now - began) / 10:.6f")
    assert (record["status"], record["exit_code"]) == ("clocks_disagree", 6)
    assert record["measurement"]["images_per_second"] is None
    assert record["measurement"]["disagreement"]["cause"] == "wrong_unit"
    assert "milliseconds" in record["reason"]
    assert record["validity"]["verdict"] == "invalid"


def test_a_clock_without_data_loading_is_a_partial_one(
    run: Callable[..., dict[str, Any]],
) -> None:
    record = run("(now - began) / 10:.6f", "0.5 * (now - began) / 10:.6f")
    assert record["measurement"]["disagreement"]["cause"] == "partial_clock"
    assert record["measurement"]["agreement"] == pytest.approx(2, rel=0.2)
