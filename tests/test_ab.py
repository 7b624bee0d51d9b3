"""`mrbench ab` with real trainings in turns: what it answers, records, and goes on from."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from mrbench.measure.sequential import LEVELS, STORED
from toy import commit_all, edit, make_suite, mrbench

Ended = subprocess.CompletedProcess[str]
LIMIT_S = 600  # a safety net


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "mrbench", "ab", *map(str, words)]


def ab(*words: object, cwd: Path) -> Ended:
    return subprocess.run(
        command(*words), cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def runs(folder: Path) -> list[dict[str, Any]]:
    """Return all records, in the order of their runs."""
    found = [json.loads(p.read_text()) for p in folder.glob("runs/*/*/*/record.json")]
    return sorted(found, key=lambda record: record["started"])


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    """Return a recipe whose iterations take $SECONDS."""
    path = make_suite(tmp_path, git)
    train = tmp_path / "upstream" / "train.py"
    edit(train, "float(sys.argv[2])", 'float(os.environ["SECONDS"])')
    # it keeps its pace, so that the load of the machine is no difference between the sides
    pace = "time.sleep(max(0.0, start + i * seconds - time.monotonic()))"
    edit(train, "    time.sleep(seconds)", f"    {pace}")
    edit(train, "began = time.monotonic()\nprint", "start = began = time.monotonic()\nprint")
    edit(train, "import sys, time", "import os, sys, time")
    old = path.read_text().partition("commit: ")[2][:40]
    edit(path, old, commit_all(tmp_path / "upstream"))
    edit(path, "launch:\n", "launch:\n  variables: {SECONDS: 0.01}\n")
    return path


def test_a_commit_that_is_half_as_fast_is_found_in_three_pairs(toy: Path, tmp_path: Path) -> None:
    old = toy.read_text().partition("commit: ")[2][:40]
    edit(tmp_path / "upstream" / "train.py", "i * seconds", "i * 2 * seconds")
    new = commit_all(tmp_path / "upstream")
    words = ("--recipe", toy, "--commit", old, "--commit", new, "--margin", "10%")
    files = ("--junit", "out.xml", "--json", "out.json")
    done = ab(*words, *files, cwd=tmp_path)
    assert done.returncode == 7, done.stderr
    assert "slower by more than 10 %" in " ".join(done.stdout.split())
    assert f"pair 1 of at most 10: old ({old[:10]})" in done.stderr
    assert "decided" in done.stderr
    made = runs(tmp_path)
    turns = [(r["turn"]["side"], r["turn"]["pair"]) for r in made]
    assert turns[:6] == [("old", 1), ("new", 1), ("new", 2), ("old", 2), ("old", 3), ("new", 3)]
    assert {r["plan"]["source"]["commit"] for r in made} == {old, new}
    told = json.loads((tmp_path / "out.json").read_text())["checks"]
    figures = next(check["figures"] for check in told if check["topic"] == "throughput")
    assert figures["ratio_low"] < figures["ratio"] < figures["ratio_high"] < 0.9
    assert figures["pairs"] * 2 == len(made)
    suite = JUnitXml.fromfile(str(tmp_path / "out.xml"))
    assert suite.name == "mrbench ab"
    assert suite.failures == 1
    assert mrbench("verify", made[0]["id"], cwd=tmp_path).returncode == 0
    again = ab(*words, "--resume", "--format", "github", cwd=tmp_path)
    assert again.returncode == 7
    assert again.stdout.startswith("::error")
    assert len(runs(tmp_path)) == len(made), "what is decided needs no further run"
    other = ab(*words[:-1], "5%", "--resume", cwd=tmp_path)
    assert other.returncode == 2
    assert "give --margin 10% --max-pairs 10" in other.stderr


def test_a_variable_that_makes_it_faster_passes(toy: Path, tmp_path: Path) -> None:
    done = ab(
        *("--recipe", toy, "--variable", "SECONDS=0.03", "--variable", "SECONDS=0.01"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert "faster by" in told
    assert "not slower by 3 % or more" in told
    assert "variables.SECONDS" in told


def test_a_parameter_has_an_old_and_a_new_value(toy: Path, tmp_path: Path) -> None:
    edit(toy, "{SECONDS: 0.01}", '{SECONDS: "{pace}"}')
    toy.write_text(f"{toy.read_text()}parameters:\n  pace: {{default: 0.01}}\n")
    words = ("--recipe", toy, "--set", "pace=0.01,0.02", "--margin", "10%")
    done = ab(*words, cwd=tmp_path)
    assert done.returncode == 7, done.stderr
    assert "old (pace=0.01)" in done.stderr
    assert "new (pace=0.02)" in done.stderr
    sides = [(r["turn"]["side"], r["plan"]["parameters"]["pace"]["value"]) for r in runs(tmp_path)]
    assert sorted(set(sides)) == [("new", 0.02), ("old", 0.01)]


def test_two_plans_that_may_not_be_compared_cost_no_run(toy: Path, tmp_path: Path) -> None:
    edit(toy, "per_device: 4", 'per_device: "{batch}"')
    toy.write_text(f"{toy.read_text()}parameters:\n  batch: {{default: 2}}\n")
    done = ab("--recipe", toy, "--set", "batch=4,8", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "the two may not be compared: plan.per_device: 4 / 8 (" in done.stderr
    assert not runs(tmp_path)


def test_a_test_that_is_interrupted_goes_on(toy: Path, tmp_path: Path) -> None:
    other = toy.with_name("other.yaml")
    other.write_text(toy.read_text().replace("SECONDS: 0.01", "SECONDS: 0.03"))
    words = ("--recipe", toy, other)
    running = subprocess.Popen(command(*words), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while len(runs(tmp_path)) < 3 and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=LIMIT_S)
    assert running.returncode == 130
    assert "--resume goes on with them" in said
    before = {r["id"] for r in runs(tmp_path) if r["status"] == "ok"}
    done = ab(*words, "--resume", "--json", cwd=tmp_path)
    assert done.returncode == 7, done.stderr
    assert len({r["turn"]["test"] for r in runs(tmp_path)}) == 1
    assert before <= {r["id"] for r in runs(tmp_path)}
    pairs = [check["figures"]["pairs"] for check in json.loads(done.stdout)["checks"][1:]]
    assert len([r for r in runs(tmp_path) if r["status"] == "ok"]) <= 2 * pairs[0] + 1


def test_a_side_that_fails_ends_the_test(toy: Path, tmp_path: Path) -> None:
    old = toy.read_text().partition("commit: ")[2][:40]
    edit(
        tmp_path / "upstream" / "train.py", "for i in", 'raise SystemExit("no such data")\nfor i in'
    )
    new = commit_all(tmp_path / "upstream")
    done = ab("--recipe", toy, "--commit", old, "--commit", new, cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert f"new ({new[:10]}) has no number in pair 1" in " ".join(done.stdout.split())
    assert len(runs(tmp_path)) == 2


def test_a_side_that_cannot_be_prepared_costs_no_run(toy: Path, tmp_path: Path) -> None:
    old = toy.read_text().partition("commit: ")[2][:40]
    done = ab("--recipe", toy, "--commit", old, "--commit", "0" * 40, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert not runs(tmp_path)


def test_a_run_that_is_invalid_is_made_again_and_not_counted(toy: Path, tmp_path: Path) -> None:
    rule = "  - {rule: work_per_iteration, reason: another batch is another workload}\n"
    edit(toy.with_name("suite.yaml"), "rules:\n", f"rules:\n{rule}")
    edit(tmp_path / "upstream" / "train.py", 'print("training"', 'print("batch 99"')
    edit(toy, toy.read_text().partition("commit: ")[2][:40], commit_all(tmp_path / "upstream"))
    edit(toy, "  every: 10\n", "  every: 10\n  states: {work_per_iteration: 'batch (\\d+)'}\n")
    words = ("--variable", "SECONDS=0.01", "--variable", "SECONDS=0.02", "--quiet")
    done = ab("--recipe", toy, *words, cwd=tmp_path)
    assert done.returncode == 8, done.stdout + done.stderr
    assert "is invalid 3 times in pair 1" in " ".join(done.stdout.split())
    assert [r["turn"]["pair"] for r in runs(tmp_path)] == [1, 1, 1]


def test_the_noise_of_a_baseline_is_used_where_the_first_run_is_made_again(
    toy: Path, tmp_path: Path
) -> None:
    rule = "  - {rule: work_per_iteration, reason: another batch is another workload}\n"
    edit(toy.with_name("suite.yaml"), "rules:\n", f"rules:\n{rule}")
    odd, train = tmp_path / "odd", tmp_path / "upstream" / "train.py"
    batch = f"99 if os.path.exists({str(odd)!r}) and not os.remove({str(odd)!r}) else 4"
    edit(train, 'print("training"', f'print("batch", {batch}')
    edit(toy, toy.read_text().partition("commit: ")[2][:40], commit_all(tmp_path / "upstream"))
    edit(toy, "  every: 10\n", "  every: 10\n  states: {work_per_iteration: 'batch (\\d+)'}\n")
    kept = tmp_path / "kept.json"
    for words in (("run", "--recipe", toy, "--repeat", "3"), ("baseline", "save", kept, "toys")):
        done = mrbench(*words, "--runs", "first", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    odd.touch()
    asked = ("--variable", "SECONDS=0.01", "--variable", "SECONDS=0.03", "--baseline", kept)
    done = ab("--recipe", toy, *asked, "--json", cwd=tmp_path)
    (*_, found) = json.loads(done.stdout)["checks"]
    figures = found["figures"]
    assert figures["level"] == pytest.approx(LEVELS[10] * STORED / figures["pairs"] ** 0.5)
    assert [r["validity"]["verdict"] for r in runs(tmp_path)][:2] == ["invalid", "valid"]


@pytest.mark.usefixtures("slurm")
def test_on_a_cluster_all_runs_are_sent_to_the_first_ones_node(toy: Path, tmp_path: Path) -> None:
    words = ("--variable", "SECONDS=0.01", "--variable", "SECONDS=0.03", "--max-pairs", "3")
    done = ab("--recipe", toy, *words, "--executor", "slurm", cwd=tmp_path)
    assert done.returncode in {7, 8}, (
        done.stdout + done.stderr
    )  # on a busy machine it may stay open
    assert len({r["slurm"]["nodes"] for r in runs(tmp_path)}) == 1
    assert len({r["slurm"]["job"] for r in runs(tmp_path)}) == 6
    scripts = [p.read_text() for p in tmp_path.glob("runs/*/*/*/job.sh")]
    assert sum("#SBATCH --nodelist=" in text for text in scripts) == 5


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--impl", "minimask", "--suite", "demo"),
        ("--impl", "minimask", "--suite", "demo", "--variable", "A=1"),
        ("--impl", "minimask", "--suite", "demo", "--variable", "A=1", "--variable", "B=1"),
        ("--impl", "minimask", "--suite", "demo", *("--commit", "0" * 40) * 3),
        ("--impl", "minimask", "--suite", "demo", *("--variable", "A=1") * 2, "--gpus", "1,2"),
        ("--impl", "minimask", "--suite", "demo", "--set", "batch=2"),
        ("--impl", "minimask", "--suite", "demo", "--set", "batch=2,4,8"),
        ("--impl", "minimask", "--suite", "demo", "--set", "batch=2,4", "--commit", "0" * 40),
        ("--impl", "minimask", "--suite", "demo", *("--variable", "A=1") * 2, "--max-pairs", "2"),
        ("--impl", "minimask", "--suite", "demo", *("--variable", "A=1") * 2, "--resume"),
    ],
)
def test_what_is_not_two_sides_is_refused_in_one_line(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    done = ab(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
