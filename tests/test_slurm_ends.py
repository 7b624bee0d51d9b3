"""How runs on a cluster end badly: each end has its status and remedy, and nothing is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster
from jobs import marked, wait_until_none
from test_slurm import only_record, records
from toy import SHOW, commit_all, edit, make_suite, mrbench
from waiting import SAFETY_S, wait_for

pytestmark = pytest.mark.usefixtures("slurm")
MARK = "MRBENCH_TEST_TREE"


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a training whose processes can be found, and whose window takes two minutes."""
    monkeypatch.setenv(MARK, tmp_path.name)
    path = make_suite(tmp_path, git)
    edit(path, "launch:\n", f"launch:\n  inherit: [{MARK}]\n")
    return edit(path, "60 0.002", "1000000 3")


@contextmanager
def started(toy: Path, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Start mrbench and come back once the training prints."""
    command = [sys.executable, "-m", "mrbench", "run", "--executor", "slurm", "--recipe", str(toy)]
    with subprocess.Popen(
        [*command, *map(str, words)], cwd=toy.parents[1], stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            wait_for(lambda: trains(toy.parents[1]))
            yield running
        finally:
            running.kill()


def trains(folder: Path) -> bool:
    logs = list(folder.glob("runs/*/*/*/train.log"))
    return bool(logs) and all(path.stat().st_size for path in logs)


def job_of(folder: Path) -> str:
    (path,) = folder.glob("runs/*/*/*/slurm.json")
    return str(json.loads(path.read_text())["job"])


def ended(folder: Path, running: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for mrbench; return the record, and see that nothing was left."""
    said = running.communicate(timeout=SAFETY_S)[1]
    assert "Traceback" not in said
    wait_until_none(f"{MARK}={folder.name}")
    assert not list((folder / "mrbench-home" / "scratch").iterdir())
    return only_record(folder)


def test_cancelled_from_outside(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    with started(toy) as running:
        slurm.ask("scancel", job_of(tmp_path))
        record = ended(tmp_path, running)
    assert (record["status"], running.returncode) == ("interrupted", 130)
    assert "was cancelled from outside; run again" in record["reason"]
    assert record["measurement"]["throughput"] is None


def test_cancelled_while_it_waits(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    slurm.ask("scontrol", "update", "partitionname=main", "state=down")
    try:
        assert mrbench(*command(toy, "--detach"), cwd=tmp_path).returncode == 0
        slurm.ask("scancel", job_of(tmp_path))
        done = mrbench("collect", cwd=tmp_path)
    finally:
        slurm.ask("scontrol", "update", "partitionname=main", "state=up")
    record = only_record(tmp_path)
    assert (record["status"], done.returncode) == ("interrupted", 130)
    assert "cancelled from outside" in record["reason"]


def command(toy: Path, *words: object) -> tuple[object, ...]:
    return ("run", "--executor", "slurm", "--recipe", toy, *words)


def test_a_node_that_fails(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    upstream = tmp_path / "upstream" / "train.py"
    upstream.write_text(SHOW.replace("sys.exit()", "del sys.argv[3:]") + upstream.read_text())
    several = "  multi_node:\n    command: '{python} train.py 100000 3 --rank {node_rank}'\n"
    edit(toy, "  stall_limit_s", several + "  stall_limit_s")
    with started(toy, "--nodes", 2, "--commit", commit_all(tmp_path / "upstream")) as running:
        last = slurm.ask("squeue", "-h", "-o%N").strip()
        assert last == "n[1-2]"
        (log,) = tmp_path.glob("runs/*/*/*/train.log")
        wait_for(lambda: "started with --rank 1" in log.read_text())  # what is killed is there
        try:
            slurm.kill_node("n2")
            record = ended(tmp_path, running)
        finally:
            slurm.start_node("n2")
            slurm.ask("scontrol", "update", "nodename=n2", "state=resume")
            slurm.wait_for_nodes()
    assert (record["status"], running.returncode) == ("failed", 5)
    assert "a node of job" in record["reason"]
    assert "run again" in record["reason"]
    assert record["slurm"]["state"] == "NODE_FAIL"


def test_the_only_node_fails(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    with started(toy) as running:
        node = slurm.ask("squeue", "-h", "-o%N").strip()
        try:
            slurm.kill_node(node)
            record = ended(tmp_path, running)
        finally:
            slurm.start_node(node)
            slurm.ask("scontrol", "update", f"nodename={node}", "state=resume")
            slurm.wait_for_nodes()
    assert (record["status"], record["slurm"]["state"]) == ("failed", "NODE_FAIL")
    assert node in record["reason"]


def test_preempted(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    with started(toy) as running:
        wanted = ("-purgent", "-N4", "--exclusive", "--export=NONE", "-o/dev/null")
        slurm.ask("sbatch", *wanted, "--wrap=sleep 1000")
        record = ended(tmp_path, running)
    assert (record["status"], running.returncode) == ("interrupted", 130)
    assert record["slurm"]["state"] == "PREEMPTED"
    assert "higher priority" in record["reason"]


def test_slurms_time_limit(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    edit(toy, "1000000 3", "1000000 30")  # the window would be over before
    with started(toy) as running:
        slurm.ask("scontrol", "update", f"jobid={job_of(tmp_path)}", "endtime=now")
        record = ended(tmp_path, running)  # Slurm looks twice a minute
    assert (record["status"], running.returncode) == ("timed_out", 5)
    assert "--time" in record["reason"]


@pytest.mark.parametrize(
    ("old", "new", "status", "reason"),
    [
        ("wall_clock_limit_s: 120", "wall_clock_limit_s: 1", "timed_out", "not done within 1 s"),
        ("stall_limit_s: 60", "stall_limit_s: 1", "stalled", "nothing was printed for 1 s"),
        ("1000000 3", "20 0.002 broken", "failed", "broken"),
        ("train.py 1000000", "gone.py 1000000", "failed", "gone.py"),
        ('"{python} train.py', '"/no/such/python train.py', "failed", "/no/such/python"),
    ],
)
def test_ends_of_the_training_itself(
    toy: Path, tmp_path: Path, old: str, new: str, status: str, reason: str
) -> None:
    if "stall" in old:
        edit(toy, "1000000 3", "1000000 300")
    edit(toy, old, new)
    done = mrbench(*command(toy), cwd=tmp_path)
    record = only_record(tmp_path)
    assert (record["status"], done.returncode) == (status, 5), done.stderr
    assert reason in record["reason"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_leaving_cancels_all_jobs(
    toy: Path, tmp_path: Path, slurm: Cluster, number: signal.Signals
) -> None:
    with started(toy, "--repeat", 6) as running:  # four train, two wait
        wait_for(lambda: len(list(tmp_path.glob("runs/*/*/*/train.log"))) == 4)
        running.send_signal(number)
        running.communicate(timeout=SAFETY_S)
    assert running.returncode == 130
    assert not slurm.ask("squeue", "-h").strip()
    found = records(tmp_path)
    assert [r["status"] for r in found] == ["interrupted"] * 4, (
        "of what never began, nothing is kept"
    )
    assert all(r["reason"].startswith("interrupted by the user") for r in found)
    wait_until_none(f"{MARK}={tmp_path.name}")


def test_killed_while_it_follows_it_leaves_no_job(
    toy: Path, tmp_path: Path, slurm: Cluster
) -> None:
    with started(toy, "--repeat", 6) as running:
        wait_for(lambda: len(list(tmp_path.glob("runs/*/*/*/slurm.json"))) == 6)
        running.kill()
    wait_for(lambda: not slurm.ask("squeue", "-h").strip())
    wait_until_none(f"{MARK}={tmp_path.name}")
    assert mrbench("collect", cwd=tmp_path).returncode == 130
    assert [r["status"] for r in records(tmp_path)] == ["interrupted"] * 6
    assert not list((tmp_path / "mrbench-home" / "scratch").iterdir())


def test_a_login_node_that_fails_leaves_no_job(
    toy: Path, tmp_path: Path, slurm: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRBENCH_LEASE_S", "12")
    with started(toy) as running:
        watchers = [
            pid
            for pid in marked(f"{MARK}={tmp_path.name}")
            if b"watch.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        assert len(watchers) == 1
        os.kill(watchers[0], signal.SIGKILL)  # both at once, as if the machine had gone
        running.kill()
    wait_for(lambda: not slurm.ask("squeue", "-h").strip())
    wait_until_none(f"{MARK}={tmp_path.name}")
    assert mrbench("collect", cwd=tmp_path).returncode == 130
    assert "has not renewed" in only_record(tmp_path)["reason"]


def test_following_survives_the_controller(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    edit(toy, "1000000 3", "1000000 0.2")
    with started(toy) as running:
        slurm.stop_controller()
        try:
            wait_for(lambda: b"iter: 40" in _log(tmp_path))
        finally:
            slurm.start_controller()
        said = running.communicate(timeout=SAFETY_S)[1]
    assert running.returncode == 0, said
    assert only_record(tmp_path)["status"] == "ok"


def _log(folder: Path) -> bytes:
    (path,) = folder.glob("runs/*/*/*/train.log")
    return path.read_bytes()


def test_what_a_partition_never_gives_ends_the_run(toy: Path, tmp_path: Path) -> None:
    edit(toy, "wall_clock_limit_s: 120", "wall_clock_limit_s: 1200")  # the partition gives 5 min
    done = mrbench(*command(toy), "--partition", "short", cwd=tmp_path)
    said = done.stderr
    assert done.returncode == (5 if "could never start" in said else 2), said
    if "could never start" in said:
        assert "never start: it asks for more time than the partition gives" in said
        assert only_record(tmp_path)["status"] == "failed"
    assert "lower --time" not in said
    assert "--partition" in said


def test_what_hides_jobs_from_squeue_hides_none_from_mrbench(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(toy, "1000000 3", "60 0.002")
    monkeypatch.setenv("SQUEUE_PARTITION", "urgent")
    monkeypatch.setenv("SQUEUE_STATES", "SUSPENDED")
    monkeypatch.setenv("SLURM_CLUSTERS", "another")
    done = mrbench(*command(toy), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    assert record["slurm"]["state"] == "COMPLETED"
    assert record["machine"]


def test_a_controller_that_is_restarted_is_waited_for(
    toy: Path, tmp_path: Path, slurm: Cluster
) -> None:
    edit(toy, "1000000 3", "60 0.002")
    slurm.stop_controller()
    words = [sys.executable, "-m", "mrbench", *map(str, command(toy)), "--no-exclusive"]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        time.sleep(1)  # the first question finds nobody
        slurm.start_controller()
        said = running.communicate(timeout=SAFETY_S)[1]
    assert running.returncode == 0, said
    assert only_record(tmp_path)["status"] == "ok"
    assert "--exclusive" not in next(tmp_path.glob("runs/*/*/*/job.sh")).read_text()
