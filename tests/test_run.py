"""The pipeline from end to end on a toy: real git, real processes, real files."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toy import commit_all, edit, make_suite, mrbench, records
from waiting import SAFETY_S, wait_for


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def only_record(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "runs").glob("*/*/*/record.json")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def test_a_run_measures_and_the_table_shows_it(toy: Path, tmp_path: Path) -> None:
    edit(toy, "60 0.002", "1000000 0.002")  # it ends because enough was seen, or never
    done = mrbench("run", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    measured = record["measurement"]
    assert record["status"] == "ok"
    assert (measured["first"], measured["last"], measured["iterations"]) == (11, 40, 30)
    assert measured["throughput"] == pytest.approx(4 * 30 / measured["log_seconds"])
    assert measured["agreement"] == measured["arrival_seconds"] / measured["log_seconds"]
    assert record["exit"]["reason"] == "enough"
    assert record["workspace"]["commit"] == record["plan"]["source"]["commit"]
    assert any(line.startswith("mrbench==") for line in record["environment"]["frozen"])
    shown = mrbench("table", "--suite", "toys", cwd=tmp_path)
    assert "toy" in shown.stdout
    assert f"{measured['throughput']:.2f}" in shown.stdout
    assert mrbench("show", "toys/to", cwd=tmp_path).returncode == 1  # whole names only
    told = mrbench("show", record["id"], cwd=tmp_path)
    assert record["workspace"]["tree"] in told.stdout


def test_packages_of_a_python_that_the_command_names_are_not_taken_for_mrbenchs(
    toy: Path, tmp_path: Path
) -> None:
    edit(toy, "{python} train.py", f"{sys.executable} train.py")
    assert mrbench("run", "--recipe", toy, cwd=tmp_path).returncode == 0
    assert only_record(tmp_path)["environment"]["frozen"] == []
    assert "packages        not recorded" in mrbench("show", cwd=tmp_path).stdout


def test_the_number_comes_from_the_files_alone(toy: Path, tmp_path: Path) -> None:
    from mrbench.model.run import Exit
    from mrbench.record.formats import read_plan
    from mrbench.record.judge import judge
    from mrbench.record.rundir import RunDir

    assert mrbench("run", "--recipe", toy, cwd=tmp_path).returncode == 0
    record = only_record(tmp_path)
    folder = RunDir(tmp_path / "runs" / record["id"])
    plan = read_plan(folder.plan)
    again = judge(folder, plan, Exit(**record["exit"]))
    assert again.throughput == record["measurement"]["throughput"]
    assert plan.digest == record["plan_digest"]


def test_another_commit_is_kept_apart(toy: Path, tmp_path: Path, git: Callable[..., str]) -> None:
    upstream = tmp_path / "upstream"
    (upstream / "README").write_text("moved on\n")
    git(upstream, "add", ".")
    git(upstream, "commit", "-qm", "on")
    other = git(upstream, "rev-parse", "HEAD")
    assert mrbench("run", "--recipe", toy, cwd=tmp_path).returncode == 0
    assert mrbench("run", "--recipe", toy, "--commit", other, cwd=tmp_path).returncode == 0
    shown = mrbench("table", "--suite", "toys", "--format", "json", cwd=tmp_path)
    rows = json.loads(shown.stdout)
    assert sorted(r["pinned"] for r in rows) == [False, True]
    assert other[:12] in mrbench("table", "--suite", "toys", cwd=tmp_path).stdout


def test_repeats_are_averaged_over_total_time(toy: Path, tmp_path: Path) -> None:
    done = mrbench("run", "--recipe", toy, "--repeat", 2, "--json", cwd=tmp_path)
    rates = [r["measurement"]["throughput"] for r in records(done.stdout)]
    shown = mrbench("table", "--suite", "toys", "--format", "json", cwd=tmp_path)
    (row,) = json.loads(shown.stdout)
    assert row["repeats"] == 2
    assert row["throughput"] == pytest.approx(2 / (1 / rates[0] + 1 / rates[1]))
    deviation = abs(rates[0] - rates[1]) / 2**0.5
    assert row["deviation_throughput"] == pytest.approx(deviation)


@pytest.mark.parametrize(
    ("old", "new", "status", "code", "reason"),
    [
        ("60 0.002", "60 0.002 broken", "ok", 0, ""),
        ("60 0.002", "20 0.002 broken", "failed", 5, "exit code 1"),
        ("60 0.002", "20 0.002", "incomplete_window", 6, "20"),
        ("60 0.002", "0 0.002", "no_iterations", 6, "iteration"),
        ("wall_clock_limit_s: 120", "wall_clock_limit_s: 0.2", "timed_out", 5, "0.2 s"),
        ("60 0.002", "60 300", "stalled", 5, "was printed for"),
        ("train.py 60", "gone.py 60", "failed", 5, "gone.py"),
        ('"{python} train.py', '"/no/such/python train.py', "failed", 5, "/no/such/python"),
    ],
)
def test_how_it_ends_is_told(
    toy: Path, tmp_path: Path, old: str, new: str, status: str, code: int, reason: str
) -> None:
    edit(toy, old, new)
    if status == "stalled":
        edit(toy, "stall_limit_s: 60", "stall_limit_s: 0.5")
    if status == "timed_out":
        edit(toy, "60 0.002", "60 0.1")
    done = mrbench("run", "--recipe", toy, cwd=tmp_path)
    record = only_record(tmp_path)
    assert (record["status"], done.returncode) == (status, code), done.stderr
    assert reason in record["reason"]
    if status != "ok":
        assert record["measurement"] is None or record["measurement"]["throughput"] is None
        table = mrbench("table", "--suite", "toys", cwd=tmp_path).stdout
        assert status in table
        assert " 0.00 " not in table
    assert "Traceback (most recent call last)" not in done.stderr


def test_one_failure_does_not_stop_the_rest(toy: Path, tmp_path: Path) -> None:
    bad = tmp_path / "toys" / "bad.yaml"
    bad.write_text(toy.read_text())
    edit(bad, "60 0.002", "20 0.002 broken")
    done = mrbench("run", "--recipe", bad, toy, cwd=tmp_path)
    assert done.returncode == 5
    shown = mrbench("table", "--suite", "toys", "--format", "json", cwd=tmp_path)
    assert [r["status"] for r in json.loads(shown.stdout)] == ["ok", "failed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ending_mrbench_ends_the_training(toy: Path, tmp_path: Path, number: int) -> None:
    edit(toy, "60 0.002", f"60 0.5 {tmp_path.name}")
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as running:
        wait_for(lambda: any(b"0.5" in a for a in commands_of(tmp_path)))
        os.kill(running.pid, number)
        running.wait(SAFETY_S)
    wait_for(lambda: not commands_of(tmp_path))
    left = list((tmp_path / "mrbench-home" / "scratch").glob("*"))
    if number == signal.SIGKILL:
        assert not list((tmp_path / "runs").glob("*/*/*/record.json"))
        assert len(left) == 1
        told = mrbench("table", "--suite", "toys", cwd=tmp_path).stderr
        assert "has no record" in told
        edit(toy, f"60 0.5 {tmp_path.name}", "60 0.002")
        assert mrbench("run", "--recipe", toy, cwd=tmp_path).returncode == 0
        assert not left[0].exists(), "the next run removes what the killed one left"
        return
    assert running.returncode == 130
    record = only_record(tmp_path)
    assert record["status"] == "interrupted"
    verified = mrbench("verify", record["id"], cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout
    assert not left


# Interrupts mrbench when that has told it to end, by way of the shim between them; ends later.
INTERRUPTS = """
import os, signal, sys, time
def end(*_):
    time.sleep(1)
    with open(f"/proc/{os.getppid()}/stat") as shim:
        os.kill(int(shim.read().rpartition(")")[2].split()[1]), signal.SIGINT)
    time.sleep(1)
    sys.exit()
signal.signal(signal.SIGTERM, end)
"""


def test_a_run_that_is_interrupted_while_it_ends_is_recorded_by_its_end(
    toy: Path, tmp_path: Path
) -> None:
    train = tmp_path / "upstream" / "train.py"
    train.write_text(INTERRUPTS + train.read_text())
    commit = re.search("commit: (.*)", toy.read_text())
    assert commit
    edit(toy, commit[1], commit_all(train.parent))
    edit(toy, "60 0.002", "1000000 0.002")
    assert mrbench("run", "--recipe", toy, cwd=tmp_path).returncode == 130
    record = only_record(tmp_path)
    assert (record["status"], record["exit"]["reason"]) == ("ok", "enough")
    assert mrbench("verify", record["id"], cwd=tmp_path).returncode == 0


def commands_of(folder: Path) -> list[list[bytes]]:
    """Return the argument lists of the processes that have the folder's name in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[-2:-1] == [folder.name.encode()]:
            found.append(words)
    return found


def test_the_dry_run_touches_nothing(toy: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = mrbench("run", "--recipe", toy, "--dry-run", "--json", cwd=tmp_path)
    (plan,) = json.loads(done.stdout)
    assert plan["command"].endswith("train.py 60 0.002")
    assert plan["work_per_iteration"] == 4
    text = mrbench("run", "--recipe", toy, "--dry-run", cwd=tmp_path).stdout
    assert plan["command"] in text
    assert sorted(tmp_path.rglob("*")) == before


def test_prepare_prints_path_and_tree(toy: Path, tmp_path: Path) -> None:
    done = mrbench("prepare", "--recipe", toy, "--json", cwd=tmp_path)
    (row,) = json.loads(done.stdout)
    assert (Path(row["path"]) / "train.py").is_file()
    only = mrbench("prepare", "--recipe", toy, "--checkout-only", cwd=tmp_path)
    assert row["tree"] in only.stdout


@pytest.mark.parametrize(
    ("visible", "names"),
    [(None, ("gpu0", "gpu1")), ("4,5,6", ("gpu4", "gpu5")), ("GPU-a1,../x", ("gpuGPU-a1", "gpux"))],
)
def test_the_gpus_that_are_locked_are_those_that_are_used(
    toy: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, names: tuple[str, ...]
) -> None:
    from mrbench.recipe import load
    from mrbench.recipe.plan import make_plan
    from mrbench.run.training import device_names

    edit(toy.parent / "suite.yaml", "accelerator: cpu, count: 1", "accelerator: gpu, count: 2")
    suite = load.read_suite(toy.parent / "suite.yaml")
    plan = make_plan(load.load_file(toy, suite_name="toys", suite=suite))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device_names(plan) == names


def test_a_training_that_changes_its_own_source_is_told_what_it_did(
    toy: Path, tmp_path: Path
) -> None:
    train = tmp_path / "upstream" / "train.py"
    train.write_text("open(__file__, 'a').write('# more')\n" + train.read_text())
    old = toy.read_text().partition("commit: ")[2][:40]
    edit(toy, old, commit_all(tmp_path / "upstream"))
    edit(toy, "60 0.002", "1000000 0.1")
    done = mrbench("run", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 3
    assert "the training, or a step of data.prepare, changed train.py of its own" in done.stderr
    assert "remove both" not in done.stderr


def test_a_training_that_stops_its_shim_is_ended_by_one_signal(toy: Path, tmp_path: Path) -> None:
    loop = "echo up; while :; do kill -STOP $PPID; sleep 0.05; done"
    edit(toy, '"{python} train.py 60 0.002"', json.dumps(["bash", "-c", loop, tmp_path.name]))
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as running:
        try:
            wait_for(lambda: any(p.stat().st_size for p in tmp_path.glob("runs/*/*/*/train.log")))
            os.kill(running.pid, signal.SIGTERM)
            assert running.wait(SAFETY_S) == 130
        finally:
            running.kill()
    assert not commands_of(tmp_path)
    assert only_record(tmp_path)["status"] == "interrupted"


def test_verbose_prints_commands_and_what_the_training_prints(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    edit(toy, "workload:", "data: {layout: none, prepare: [sh -c 'exit 0']}\nworkload:")
    train = tmp_path / "upstream" / "train.py"
    edit(train, 'print("training"', 'print("bar 1\\rbar 2\\x1b[2J"')
    edit(toy, toy.read_text().partition("commit: ")[2][:40], commit_all(tmp_path / "upstream"))
    words = ("run", "--recipe", toy, "--data", tmp_path / "data")
    done = mrbench(*words, "-v", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = [line.partition("] ")[2] for line in done.stderr.splitlines()]
    (step,) = (line for line in said if line.startswith("| $ sh -c 'exit 0'"))
    assert step.endswith("/data.log)")
    (launch,) = (line for line in said if " train.py 60 0.002  (its output: " in line)
    assert said.index(step) < said.index(launch) < said.index("| bar 2 [2J")
    assert any(line.startswith("| iter: 40 loss: 0.5") for line in said)
    assert any(line.startswith("toy: iteration ") for line in said)
    assert "| " not in done.stdout, "events are as without it"
    assert "| " not in mrbench(*words, cwd=tmp_path).stderr
    both = mrbench(*words, "-v", "-q", cwd=tmp_path)
    assert (both.returncode, len(both.stderr.splitlines())) == (2, 1)
