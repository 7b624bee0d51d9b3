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
    # a window of 0.6 s: how late lines arrive on a busy machine is little beside it
    path = edit(make_suite(tmp_path, git), "60 0.002", "60 0.02")
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
    assert found["seconds"] == pytest.approx(0.3, abs=0.2)
    assert found["text"].endswith("tells of an evaluation: Start inference on 5000 images")
    assert record["validity"]["verdict"] == "valid with notes"
    told = record["validity"]["notes"].count(found["text"])
    assert told == 1, "the rule and the warning say the same"


def test_figures_in_milliseconds_give_no_number(
    run: Callable[..., dict[str, Any]],
) -> None:
    record = run("(now - began) / 10:.6f", "1000 * (now - began) / 10:.6f")
    assert (record["status"], record["exit_code"]) == ("clocks_disagree", 6)
    assert record["measurement"]["throughput"] is None
    assert record["measurement"]["disagreement"]["cause"] == "wrong_unit"
    assert "milliseconds" in record["reason"]
    assert record["validity"]["verdict"] == "invalid"


def test_a_clock_without_data_loading_is_a_partial_one(
    run: Callable[..., dict[str, Any]],
) -> None:
    record = run("(now - began) / 10:.6f", "0.5 * (now - began) / 10:.6f")
    assert record["measurement"]["disagreement"]["cause"] == "partial_clock"
    assert record["measurement"]["agreement"] == pytest.approx(2, rel=0.4)


def test_output_that_waits_in_a_buffer_does_not_lead(
    tmp_path: Path, run: Callable[..., dict[str, Any]]
) -> None:
    """Lines of 36 bytes through a buffer of 100: two or three arrive at once."""
    edit(tmp_path / "toys" / "toy.yaml", "  every: 10\n", "  every: 10\n  clock: arrival\n")
    edit(tmp_path / "upstream" / "train.py", ", flush=True", "")
    buffer = "io.BufferedWriter(io.FileIO(1, 'w', closefd=False), 100)"
    stdout = f"sys.stdout = io.TextIOWrapper({buffer}, write_through=True)\n"
    record = run("import sys, time\n", f"import io, sys, time\n{stdout}")
    assert record["measurement"]["clock"] == "log"
    assert record["measurement"]["seconds_per_iteration"] >= 0.02  # no sleep is shorter
