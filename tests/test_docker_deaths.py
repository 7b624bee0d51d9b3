"""What is left when mrbench, its shim or the container's client is killed: no container."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import BASE, containers, docker, import_base, running_engine
from jobs import MARK, marked, wait_for_file, wait_until_none
from mrbench import locks
from mrbench.launch.executors.base import EXIT, LOG, STAMPS
from mrbench.launch.executors.docker import STATE, engine
from mrbench.measure.log.blocks import read_stamps
from toy import edit, make_suite, mrbench
from waiting import SAFETY_S, wait_for

pytestmark = pytest.mark.usefixtures("docker_host")

DRIVER = """
    import pathlib, sys
    from mrbench.launch.executors.docker import Docker
    from mrbench.model.options import ExecutorOptions
    from mrbench.model.job import Job
    folder = pathlib.Path(sys.argv[1])
    job = Job(argv=("bash", "-c", sys.argv[2]), directory=folder, variables={}, terminal=False,
              wall_clock_limit_s=float(sys.argv[3]), stall_limit_s=1000.0, image=sys.argv[4],
              writable=(folder,))
    with Docker(ExecutorOptions()).start(job, folder, grace_s=0.5) as running:
        for _ in running.blocks(tick=lambda: None):
            pass
    print(running.exit())
"""
STUBBORN = (
    "trap '' TERM HUP INT; setsid sleep 1000 & touch ready; echo up; while :; do sleep 1; done"
)


def drive(folder: Path, mark: str, limit_s: float = SAFETY_S) -> subprocess.Popen[bytes]:
    """Start a process that runs a container as mrbench does; its descendants have the mark."""
    variables = {**os.environ, MARK: mark, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [str(folder), STUBBORN, str(limit_s), BASE]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DRIVER), *words],
        env=variables,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def until_no_container(host: str) -> None:
    wait_for(lambda: not containers(host), lambda: containers(host))


def ours(mark: str, word: bytes) -> int:
    """Return the marked process with this in its command."""
    (pid,) = (pid for pid in marked(mark) if word in Path(f"/proc/{pid}/cmdline").read_bytes())
    return pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_container_outlives_mrbench(
    tmp_path: Path, docker_host: str, number: signal.Signals
) -> None:
    mark = uuid.uuid4().hex
    with drive(tmp_path, mark) as driver:
        wait_for_file(tmp_path / "ready")
        assert len(containers(docker_host)) == 1
        driver.send_signal(number)
    until_no_container(docker_host)
    wait_until_none(mark)
    assert json.loads((tmp_path / EXIT).read_text())["reason"] == "interrupted"
    size = (tmp_path / LOG).stat().st_size
    assert size == 3
    assert read_stamps(tmp_path / STAMPS).ends[-1] == size


def test_no_step_of_the_preparation_outlives_mrbench(tmp_path: Path, docker_host: str) -> None:
    mark = uuid.uuid4().hex
    start, _, _ = textwrap.dedent(DRIVER).partition("with ")
    code = start + "Docker(ExecutorOptions()).surroundings.step(job, folder / 'log', 'data')"
    variables = {**os.environ, MARK: mark, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [str(tmp_path), STUBBORN, "1000", BASE]
    with subprocess.Popen([sys.executable, "-c", code, *words], env=variables) as driver:
        wait_for_file(tmp_path / "ready")
        driver.kill()
    until_no_container(docker_host)
    wait_until_none(mark)


def test_killed_while_the_container_is_made(tmp_path: Path, docker_host: str) -> None:
    mark = uuid.uuid4().hex
    with drive(tmp_path, mark) as driver:
        wait_for_file(tmp_path / LOG)  # the client boots, or is making the container
        driver.kill()
    wait_until_none(mark)
    until_no_container(docker_host)


def test_no_container_outlives_mrbench_and_shim(tmp_path: Path, docker_host: str) -> None:
    mark = uuid.uuid4().hex
    with drive(tmp_path, mark) as driver:
        wait_for_file(tmp_path / "ready")
        driver.send_signal(signal.SIGSTOP)  # it can do nothing more about it
        os.kill(ours(mark, b"/shim/"), signal.SIGKILL)
        driver.kill()
    until_no_container(docker_host)
    wait_until_none(mark)


@pytest.mark.parametrize("word", [b"/shim/", b"docker.client"])
def test_a_killed_helper_is_told(tmp_path: Path, docker_host: str, word: bytes) -> None:
    mark = uuid.uuid4().hex
    with drive(tmp_path, mark) as driver:
        wait_for_file(tmp_path / "ready")
        wait_for_file(tmp_path / STATE)  # a moment later: the client has told that it started
        os.kill(ours(mark, word), signal.SIGKILL)
        said = driver.communicate(timeout=SAFETY_S)[0]
    assert b"was killed" in said
    assert b"look for a lack of memory" in said
    assert b"code=None" in said
    assert containers(docker_host) == []
    wait_until_none(mark)


def test_limits_hold_while_mrbench_is_stopped(tmp_path: Path, docker_host: str) -> None:
    mark = uuid.uuid4().hex
    with drive(tmp_path, mark, limit_s=4.0) as driver:
        wait_for_file(tmp_path / LOG)
        driver.send_signal(signal.SIGSTOP)
        wait_for_file(tmp_path / EXIT)
        assert containers(docker_host) == []
        driver.send_signal(signal.SIGCONT)
        assert b"timed_out" in driver.communicate(timeout=SAFETY_S)[0]


def test_cleanup_removes_what_all_were_killed_over(tmp_path: Path, docker_host: str) -> None:
    mark = uuid.uuid4().hex
    with drive(tmp_path, mark):
        wait_for_file(tmp_path / "ready")
        (name,) = docker(docker_host, "ps", "--format", "{{.Names}}").stdout.split()
        said = mrbench("cleanup", cwd=tmp_path).stdout
        assert f"left alone: container {name}" in said
        assert "which lives" in said
        assert "nothing to remove" in said
        for pid in marked(mark):
            os.kill(pid, signal.SIGSTOP)  # as a power cut: nobody can do anything any more
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)
    assert len(containers(docker_host)) == 1
    done = mrbench("cleanup", cwd=tmp_path)
    assert re.search(rf"removed container {name} \(running\) of pid \d+ on ", done.stdout)
    assert done.returncode == 0
    assert containers(docker_host) == []
    assert mrbench("cleanup", cwd=tmp_path).stdout == "nothing to remove\n"


def test_cleanup_leaves_what_it_cannot_judge(tmp_path: Path, docker_host: str) -> None:
    mine = engine.owner()
    elsewhere = {**mine, engine.RUN: "x", engine.HOST: "elsewhere"}
    rebooted = {**mine, engine.RUN: "y", engine.BOOT: "before"}
    for labels in (elsewhere, rebooted):
        words = [w for name, value in labels.items() for w in ("--label", f"{name}={value}")]
        docker(docker_host, "create", *words, BASE, "true")
    said = mrbench("cleanup", cwd=tmp_path).stdout
    assert said.count("removed") == 1
    assert "on elsewhere; it cannot be seen from here, remove it with --all" in said
    assert "on elsewhere" in mrbench("cleanup", "--all", cwd=tmp_path).stdout
    assert containers(docker_host) == []


def test_cleanup_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    dead = tmp_path / "mrbench-home" / "scratch" / "toys-toy-1"
    dead.mkdir(parents=True)
    (dead / ".owner").touch()
    done = mrbench("cleanup", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == f"removed folder {dead}\n"
    assert "no containers looked at: no Docker engine" in done.stderr
    assert not dead.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_interrupted(
    tmp_path: Path, docker_host: str, git: Callable[..., str], number: signal.Signals
) -> None:
    toy = edit(make_suite(tmp_path, git), "60 0.002", "1000000 1")
    words = ["run", "--recipe", str(toy), "--executor", "docker", "--image", BASE]
    with subprocess.Popen(
        [sys.executable, "-m", "mrbench", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as run:
        wait_for(lambda: any(p.stat().st_size for p in tmp_path.glob("runs/*/*/*/train.log")))
        # a terminal's Ctrl-C goes to all of the group
        os.killpg(run.pid, number)
        code = run.wait(SAFETY_S)
    assert code == (130 if number == signal.SIGINT else -number)
    until_no_container(docker_host)
    (log,) = tmp_path.glob("runs/*/*/*/train.log")
    assert log.read_bytes() == b"training\n"
    if number == signal.SIGINT:
        record = json.loads(log.with_name("record.json").read_text())
        assert record["status"] == "interrupted"


def test_an_engine_that_is_killed_leaves_the_devices_locked(
    tmp_path: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training goes on; what comes after it must not measure beside it."""
    toy = edit(make_suite(tmp_path, git), "60 0.002", "1000000 1")
    words = ["run", "--recipe", str(toy), "--executor", "docker", "--image", BASE]
    lock = tmp_path / "mrbench.cpu.lock"
    with running_engine() as host, contextlib.ExitStack() as leftovers:
        monkeypatch.setenv("DOCKER_HOST", host)
        import_base(host)
        with subprocess.Popen(
            [sys.executable, "-m", "mrbench", *words], cwd=tmp_path, stderr=subprocess.DEVNULL
        ) as run:
            wait_for(lambda: any(p.stat().st_size for p in tmp_path.glob("runs/*/*/*/train.log")))
            (name,) = containers(host)
            inspect = docker(host, "inspect", "--format", "{{.State.Pid}}", name.split()[0])
            pid = int(inspect.stdout)
            folder = Path(host.removeprefix("unix://")).parent
            shim = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            containerd = int((folder / "exec/containerd/containerd.pid").read_text())
            for number in (containerd, shim, pid):  # what the engine would have ended
                leftovers.callback(os.kill, number, signal.SIGKILL)
            os.kill(int((folder / "dockerd.pid").read_text()), signal.SIGKILL)
            assert run.wait(SAFETY_S) == 5
        (path,) = tmp_path.glob("runs/*/*/*/record.json")
        reason = json.loads(path.read_text())["reason"]
        assert f"the training may still run (process {pid})" in reason
        assert "`mrbench cleanup`" in reason
        assert not is_free(lock)
    wait_for(lambda: is_free(lock))


def is_free(lock: Path) -> bool:
    with locks.attempt(lock) as held:
        return held is not None
