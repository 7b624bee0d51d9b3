"""Series over counts of GPUs and rounds: their order, what is refused, and how they scale."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mrbench.results.rows import TableRun, make_rows
from mrbench.results.table import render
from test_checks_gpus import build
from test_table import SUITE, record
from toy import edit, events, make_suite, mrbench, on_any_count, records


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return on_any_count(make_suite(tmp_path, git))


def twin(toy: Path) -> Path:
    path = toy.with_name("twin.yaml")
    path.write_text(toy.read_text())
    return path


def test_rounds_go_over_counts_and_these_over_implementations(toy: Path, tmp_path: Path) -> None:
    options = ("--gpus", "2,1", "--repeat", 2, "--json")
    done = mrbench("run", "--recipe", toy, twin(toy), *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    order = [
        (e["repeat"], e["gpus"], e["implementation"])
        for e in events(done.stdout)
        if e["event"] == "run_started"
    ]
    assert order == [
        (turn, count, name) for turn in (1, 2) for count in (2, 1) for name in ("toy", "twin")
    ]
    assert [r["series"]["run"] for r in records(done.stdout)] == list(range(1, 9))
    rows = json.loads(mrbench("table", "--suite", "toys", "--format", "json", cwd=tmp_path).stdout)
    assert len(rows) == 4
    for row in rows:
        (one,) = [r for r in rows if (r["implementation"], r["gpus"]) == (row["implementation"], 1)]
        per_gpu = row["throughput"] / row["gpus"]
        assert row["throughput_per_device"] == pytest.approx(per_gpu)
        assert row["scaling_efficiency"] == pytest.approx(per_gpu / one["throughput"])
        assert (row["repeats"], row["scaling_from_gpus"]) == (2, 1)
    assert "Scaling" in mrbench("table", "--suite", "toys", cwd=tmp_path).stdout


def test_batch_and_learning_rate_follow_the_recipes_rule(tmp_path: Path) -> None:
    words = ("--suite", "2019", "--impl", "detectron2", "--gpus", "1,4", "--dry-run", "--json")
    one, four = json.loads(mrbench("run", *words, cwd=tmp_path).stdout)
    assert one["command"].endswith("SOLVER.IMS_PER_BATCH 2 SOLVER.BASE_LR 0.0025")
    assert four["command"].endswith("SOLVER.IMS_PER_BATCH 8 SOLVER.BASE_LR 0.01")


def test_counts_that_cannot_be_are_told_all_at_once(toy: Path, tmp_path: Path) -> None:
    strict = twin(toy)
    strict.write_text(strict.read_text() + "other_gpus: {allowed: [1, 2]}\n")
    done = mrbench("run", "--recipe", toy, strict, "--gpus", "0,1,3,8", cwd=tmp_path)
    assert done.returncode == 2
    for count in (3, 8):
        assert f"twin cannot train on {count} GPUs, only on 1, 2" in done.stderr
    assert "--gpus 0 is none; give at least 1" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("text", ["", "1,", "1;2", "two", "-1", "1.5"])
def test_what_is_no_count_is_refused(toy: Path, tmp_path: Path, text: str) -> None:
    done = mrbench("run", "--recipe", toy, f"--gpus={text}", cwd=tmp_path)
    assert done.returncode == 2
    assert "give a number of GPUs, or several as 1,2,4,8" in done.stderr


def on(count: int, rate: float | None, **change: Any) -> TableRun:  # noqa: ANN401 - JSON
    digest = f"on {count} {change.get('family')}"
    plan = {"gpus": count} | change.pop("plan", {})
    return record("a", rate, plan=plan, plan_digest=digest, **{"family": "f"} | change)


def test_scaling_is_per_gpu_against_the_fewest() -> None:
    rows = make_rows(SUITE, [on(4, 180), on(1, 50), on(2, 90)])
    assert [(r.gpus, r.scaling_efficiency) for r in rows] == [(4, 0.9), (2, 0.9), (1, 1.0)]
    text = render(SUITE, rows, "plain")
    assert "90.0%" in text
    assert "on the fewest devices" in text
    assert "scaling_efficiency,scaling_from_gpus" in render(SUITE, rows, "csv")


def test_of_steps_all_devices_take_the_same() -> None:
    rows = make_rows(SUITE, [on(n, rate, plan={"unit": "steps"}) for n, rate in ((4, 9), (1, 10))])
    assert [(r.throughput_per_device, r.scaling_efficiency) for r in rows] == [(10, 1.0), (9, 0.9)]


def test_a_run_that_sees_only_its_own_gpus_belongs_to_the_series() -> None:
    one = {"host": "h", "cpu": "c", "gpus": [{"name": "Tesla V100-SXM2"}]}
    rows = make_rows(SUITE, [on(2, 90), on(1, 50, machine=one)])
    assert [row.scaling_efficiency for row in rows] == [0.9, 1.0]


@pytest.mark.parametrize(
    "other",
    [
        on(1, 50, family="g"),  # an edited recipe, another commit, another window
        on(1, 50, machine={"host": "x", "cpu": "c", "gpus": []}),
        on(1, None),  # no number
        record("a", 50, plan={"gpus": 1}, plan_digest="old"),  # a record that does not tell
    ],
)
def test_unlike_runs_make_no_series(other: TableRun) -> None:
    rows = make_rows(SUITE, [on(2, 90), other])
    assert len(rows) == 2
    assert [row.scaling_efficiency for row in rows] == [None, None]
    assert "Scaling" not in render(SUITE, rows, "plain")


def test_a_changed_recipe_is_of_another_family(toy: Path, tmp_path: Path) -> None:
    options = ("--recipe", toy, "--json", "--quiet", "--gpus")
    (one,) = records(mrbench("run", *options, 1, cwd=tmp_path).stdout)
    (two,) = records(mrbench("run", *options, 2, cwd=tmp_path).stdout)
    assert one["family"] == two["family"]
    edit(toy, "per_device: 4", "per_device: 3")
    (three,) = records(mrbench("run", *options, 2, cwd=tmp_path).stdout)
    assert three["family"] != two["family"]


@pytest.fixture
def gpu_toy(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recipe for two GPUs, on a machine with two."""
    build(tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    edit(toy.parent / "suite.yaml", "accelerator: cpu, count: 1", "accelerator: gpu, count: 2")
    return toy


def cooled(toy: Path, *words: object) -> tuple[dict[str, Any], str]:
    done = mrbench("run", "--recipe", toy, "--json", "--cool-down", 50, *words, cwd=toy.parent)
    (told,) = records(done.stdout)
    assert told["status"] == "ok", told["reason"]
    return told["cooled_down"], done.stderr


def test_a_run_waits_until_its_gpus_are_cool(
    gpu_toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_COOLING", "71 40 11")  # 71, 60, 49 degrees
    found, said = cooled(gpu_toy)
    first, last = found["before_c"], found["after_c"]
    assert len(first) == 2
    assert min(first) > 50
    assert max(last) <= 50
    assert found["waited_s"] > 0
    assert found["reached"] is True
    assert f"toy: cooling down to 50 °C: {first[0]} °C, {first[1]} °C" in said
    (run,) = gpu_toy.parent.glob("runs/*/*/*")
    shown = mrbench("show", run, cwd=gpu_toy.parent).stdout
    assert f"s: {first[0]} °C, {first[1]} °C to {last[0]} °C, {last[1]} °C" in shown


def test_cool_gpus_are_not_waited_for(gpu_toy: Path) -> None:
    found, said = cooled(gpu_toy)
    assert found["before_c"] == found["after_c"] == [35, 35]
    assert "cooling" not in said


def test_what_stays_hot_is_run_all_the_same(gpu_toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_COOLING", "71 71 0")
    found, said = cooled(gpu_toy, "--cool-down-limit", 1)
    assert (found["reached"], found["after_c"]) == (False, [71, 71])
    assert "toy: still not at 50 °C after" in said


def test_where_nobody_knows_a_line_says_so(
    gpu_toy: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_NO_TEMPERATURE", "1")
    found, said = cooled(gpu_toy)
    assert (found["reached"], found["after_c"]) == (None, [None, None])
    assert "toy: no cool-down: a GPU does not tell its temperature" in said
    edit(toy.parent / "suite.yaml", "accelerator: gpu", "accelerator: cpu")
    found, said = cooled(toy)
    assert (found["reached"], found["after_c"]) == (None, [])
    assert "toy: no cool-down: it trains on no GPU" in said


@pytest.mark.parametrize("text", ["hot", "-3", "0", "300", "nan"])
def test_what_is_no_temperature_is_refused(toy: Path, tmp_path: Path, text: str) -> None:
    done = mrbench("run", "--recipe", toy, f"--cool-down={text}", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not a temperature of a GPU" in done.stderr
