"""Runs on a real cluster of four nodes: what is measured, followed, left alone and collected."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster
from mrbench import locks
from mrbench.record import ledger
from needs import skip_without
from toy import LIMIT_S, SHOW, commit_all, edit, make_suite, mrbench, on_any_count, outcomes
from toy import records as toy_records
from waiting import wait_for

pytestmark = pytest.mark.usefixtures("slurm")
ENDLESS = "1000000 0.002"


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def run(toy: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = ("run", "--executor", "slurm", "--recipe", toy)
    return mrbench(*command, *words, cwd=toy.parents[1])


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(p.read_text()) for p in sorted(folder.glob("runs/*/*/*/record.json"))]


def only_record(folder: Path) -> dict[str, Any]:
    (record,) = records(folder)
    return record


def test_a_run_is_measured_as_a_local_one(toy: Path, tmp_path: Path) -> None:
    edit(toy, "60 0.002", ENDLESS)  # the node itself ends it behind the window
    done = run(toy)
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    measured = record["measurement"]
    assert record["status"] == "ok"
    assert record["exit"]["reason"] == "enough"
    assert (measured["first"], measured["last"]) == (11, 40)
    assert measured["throughput"] == pytest.approx(4 * 30 / measured["log_seconds"])
    assert measured["agreement"] == measured["arrival_seconds"] / measured["log_seconds"]
    assert record["machine"]["cpu_count"] == os.cpu_count()
    assert any(line.startswith("mrbench==") for line in record["environment"]["frozen"])
    assert record["slurm"]["job"].isdecimal()
    assert record["slurm"]["state"] == "COMPLETED"
    (folder,) = (tmp_path / "runs").glob("*/*/*")
    left = {path.name for path in folder.iterdir()}
    assert {"job.sh", "slurm.json", "train.log", "train.stamps", "plan.json"} <= left
    assert not left & {"lease", "draft.json", "prepared.json"}
    assert not list((tmp_path / "mrbench-home" / "scratch").iterdir())
    local = mrbench("run", "--recipe", toy, "--json", cwd=tmp_path)
    (here,) = toy_records(local.stdout)
    assert here["plan_digest"] == record["plan_digest"]
    # no GPU was asked for, here or there
    assert (
        "CUDA_VISIBLE_DEVICES"
        not in record["machine"]["variables"].keys() ^ here["machine"]["variables"].keys()
    )


def test_a_job_that_waits_is_told_with_its_place(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    wanted = ("--parsable", "-N4", "--exclusive", "--export=NONE", "-o/dev/null")
    before = slurm.ask("sbatch", *wanted, "--wrap=sleep 1000").strip()
    wait_for(lambda: slurm.ask("squeue", "-h", "-o%T", "-j", before).strip() == "RUNNING")
    told = tmp_path / "told"
    words = [sys.executable, "-m", "mrbench", "run", "--executor", "slurm", "--recipe", str(toy)]
    with told.open("w") as file, subprocess.Popen(words, cwd=tmp_path, stderr=file) as running:
        wait_for(lambda: ", 1 of 1 that wait" in told.read_text())
        slurm.ask("scancel", before)
    assert running.returncode == 0, told.read_text()


def test_training_finds_its_gpus_and_no_batch_system(toy: Path, tmp_path: Path) -> None:
    edit(toy.parent / "suite.yaml", "accelerator: cpu, count: 1", "accelerator: gpu, count: 2")
    shown = "'+'.join(sorted(n for n in os.environ if n.startswith('SLURM_')))"
    probe = f"import os; print('saw', os.environ['CUDA_VISIBLE_DEVICES'], {shown} or 'nothing')"
    upstream = tmp_path / "upstream" / "train.py"
    upstream.write_text(probe + upstream.read_text())
    commit = commit_all(tmp_path / "upstream")
    done = run(toy, "--commit", commit)
    assert done.returncode == 0, done.stderr
    (log,) = tmp_path.glob("runs/*/*/*/train.log")
    assert log.read_text().startswith("saw 0,1 nothing")


def test_options_of_clusters_need_one(toy: Path, tmp_path: Path) -> None:
    done = mrbench("run", "--recipe", toy, "--nodes", 2, cwd=tmp_path)
    assert done.returncode == 2
    assert "--executor slurm" in done.stderr


def test_more_nodes_than_the_recipe_can_are_refused(toy: Path) -> None:
    done = run(toy, "--nodes", 2)
    assert done.returncode == 2
    assert "cannot train over several nodes" in done.stderr


def test_the_dry_run_shows_the_script_and_submits_nothing(toy: Path, slurm: Cluster) -> None:
    done = run(toy, "--dry-run", "--partition", "short")
    assert "#SBATCH --exclusive" in done.stdout
    assert "#SBATCH --partition=short" in done.stdout
    assert not slurm.ask("squeue", "-h", "-tall", "-nmrbench-toy-RUN").strip()


def test_detached_runs_are_shown_and_collected(toy: Path, tmp_path: Path, slurm: Cluster) -> None:
    slurm.ask("scontrol", "update", "partitionname=main", "state=down")
    try:
        done = run(toy, "--detach", "--repeat", 2)
        assert done.returncode == 0, done.stderr
        told = mrbench("status", cwd=tmp_path).stdout
        assert told.count("waits") == 2
        assert "the partition is down" in told or "PartitionDown" in told
        assert "waits" in mrbench("collect", cwd=tmp_path).stderr
        assert records(tmp_path) == []
        assert "is with a cluster" in mrbench("table", "--suite", "toys", cwd=tmp_path).stderr
        slurm.stop_controller()  # as when the login node is rebooted meanwhile
    finally:
        slurm.start_controller()
        slurm.ask("scontrol", "update", "partitionname=main", "state=up")
    collect = [sys.executable, "-m", "mrbench", "collect", "--wait"]
    with locks.of_file(tmp_path / "runs" / ledger.FILE):  # the end of a run cannot be entered yet
        collecting = subprocess.Popen(collect, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: records(tmp_path) or collecting.poll() is not None)
        (record, *_) = records(tmp_path)
        told = " ".join(mrbench("verify", record["id"], cwd=tmp_path).stdout.split())
        assert f"the end of {record['id']} is not in it yet: it is under way" in told
    _, said = collecting.communicate(timeout=LIMIT_S)
    assert collecting.returncode == 0, said
    assert [r["status"] for r in records(tmp_path)] == ["ok", "ok"]
    assert all(r["slurm"]["detached"] for r in records(tmp_path))
    assert "nothing submitted" in mrbench("status", cwd=tmp_path).stdout
    assert not list((tmp_path / "mrbench-home" / "scratch").iterdir())


def test_twenty_jobs_at_once(toy: Path, tmp_path: Path) -> None:
    done = run(toy, "--repeat", 20)
    assert done.returncode == 0, done.stderr
    found = records(tmp_path)
    assert [r["status"] for r in found] == ["ok"] * 20
    assert len({r["slurm"]["job"] for r in found}) == 20
    assert len({r["slurm"]["nodes"] for r in found}) == 4
    shown = mrbench("table", "--suite", "toys", "--format", "json", cwd=tmp_path)
    (row,) = json.loads(shown.stdout)
    assert row["repeats"] == 20  # nodes of one kind are averaged


SEVERAL = """  multi_node:
    command: >-
      {python} train.py 60 0.002 --rank {node_rank} --of {nodes} --gpus {gpus_per_node}/{gpus}
      --at {master_address}:{master_port}
"""


TOGETHER = """\
import atexit, pathlib, sys, time
words = dict(zip(sys.argv[3::2], sys.argv[4::2]))
mark = "begun-" + words["--at"].rpartition(":")[2] + "-"
folder = pathlib.Path({folder!r})
if words["--rank"] != "0":
    atexit.register((folder / (mark + words["--rank"])).touch)
while words["--rank"] == "0" and len(list(folder.glob(mark + "*"))) < int(words["--of"]) - 1:
    time.sleep(0.01)
"""


@pytest.fixture
def several(toy: Path, tmp_path: Path) -> Path:
    """Let the toy train over several nodes: the first prints, the others only say that they are.

    The first one begins once the others have said so: its end is that of all.
    """
    upstream = tmp_path / "upstream" / "train.py"
    upstream.write_text(TOGETHER.format(folder=str(tmp_path)) + SHOW + upstream.read_text())
    edit(toy, "  stall_limit_s", SEVERAL + "  stall_limit_s")
    words = toy.read_text().partition("commit: ")[2].split()[0]
    return edit(toy, words, commit_all(tmp_path / "upstream"))


def test_training_over_nodes(several: Path, tmp_path: Path) -> None:
    done = run(several, "--nodes", 3, "--gpus", 2)
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    assert (record["plan"]["nodes"], record["plan"]["gpus"]) == (3, 6)
    assert record["plan"]["work_per_iteration"] == 4 * 6
    assert len(record["other_machines"]) == 2
    (log,) = tmp_path.glob("runs/*/*/*/train.log")
    started = [x for x in log.read_text().splitlines() if x.startswith("started")]
    assert sorted(x.split(" --at ")[0] for x in started) == [
        f"started with --rank {i} --of 3 --gpus 2/6" for i in range(3)
    ]
    assert len({x.split(" --at ")[1] for x in started}) == 1
    # each node had its telemetry, which ended with its part of the training
    files = sorted(path.name for path in log.parent.glob("telemetry*.jsonl"))
    assert files == ["telemetry.jsonl", "telemetry.node-1.jsonl", "telemetry.node-2.jsonl"]
    assert all("ended" in (log.parent / name).read_text().splitlines()[-1] for name in files)
    assert len(record["telemetry"]["other_nodes"]) == 2
    assert set(files) <= record["files"].keys()
    verified = mrbench("verify", log.parent, cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout
    shown = mrbench("table", "--suite", "toys", "--format", "json", cwd=tmp_path)
    (row,) = json.loads(shown.stdout)
    assert (row["nodes"], row["gpus"]) == (3, 6)
    assert row["throughput_per_device"] == pytest.approx(row["throughput"] / 6)


ONCE = """  multi_node:
    start: once
    command: >-
      mpirun --allow-run-as-root --oversubscribe -np {gpus} --map-by ppr:{gpus_per_node}:node
      --bind-to none -x PATH sh -c 'echo rank $OMPI_COMM_WORLD_LOCAL_RANK on $SLURMD_NODENAME;
      if [ $OMPI_COMM_WORLD_RANK = 0 ]; then exec {python} train.py 60 0.002; fi'
"""


def test_mpirun_reaches_the_other_nodes_itself(toy: Path, tmp_path: Path) -> None:
    skip_without("mpi")
    edit(toy, "  stall_limit_s", ONCE + "  stall_limit_s")
    done = run(toy, "--nodes", 2, "--gpus", 2)
    assert done.returncode == 0, done.stderr
    (log,) = tmp_path.glob("runs/*/*/*/train.log")
    ranks = [x for x in log.read_text().splitlines() if x.startswith("rank")]
    assert sorted(ranks) == [f"rank {i} on n{n}" for i in (0, 1) for n in (1, 2)]
    assert len(only_record(tmp_path)["other_machines"]) == 1


def test_minimask_over_two_nodes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mrbench", "run", "--suite", "demo", "--executor", "slurm"]
    done = subprocess.run(
        [*command, "--nodes", "2", "--window", "20:40", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    (record,) = toy_records(done.stdout)
    assert record["measurement"]["work_per_iteration"] == 4
    assert record["stated"]["gpus"]["value"] == "2"
    looked_at = outcomes(record)
    assert record["validity"]["verdict"] != "invalid"
    # not `clocks`: on a busy machine lines arrive late; nor what so short a window cannot tell
    sure = ("work_per_iteration", "gpus", "image_size", "window", "single_process")
    assert {looked_at[rule] for rule in sure} == {"ok"}, record["validity"]


# Last, as what a controller refuses within a minute of its start is asked for again.
@pytest.mark.parametrize(
    ("option", "value", "remedy", "code"),
    [
        ("--partition", "nowhere", "`sinfo` lists", 2),
        ("--constraint", "slow", "--constraint", 2),
        ("--gpus", "9", "ask for less", 4),
    ],
)
def test_what_the_cluster_cannot_do_is_refused_before_anything_is_fetched(
    toy: Path, tmp_path: Path, option: str, value: str, remedy: str, code: int
) -> None:
    edit(toy.parent / "suite.yaml", "accelerator: cpu, count: 1", "accelerator: gpu, count: 1")
    done = run(on_any_count(toy), option, value)
    assert done.returncode == code, done.stderr
    assert remedy in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "mrbench-home").exists()
