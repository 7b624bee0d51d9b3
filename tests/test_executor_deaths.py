"""What is left when mrbench, its shim or the disk fails: nothing that runs, and a true log."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import pytest

from jobs import (
    MARK,
    STUBBORN,
    make_job,
    marked,
    survivors,
    wait_for_file,
    wait_until_none,
)
from mrbench.errors import LaunchError
from mrbench.launch.executors.base import EXIT, LOG, STAMPS
from mrbench.launch.executors.local import start
from mrbench.measure.log.blocks import read_stamps
from mrbench.prepare import shim_process
from waiting import SAFETY_S

DRIVER = """
    import os, pathlib, sys
    from mrbench.launch.executors.local import start
    from mrbench.model.job import Job
    folder = pathlib.Path(sys.argv[1])
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    own = {name: os.environ[name] for name in ("MRBENCH_TEST_TREE", "READY")}
    job = Job(argv=("bash", "-c", sys.argv[2]), directory=folder, variables=own,
              terminal=False, wall_clock_limit_s=float(sys.argv[3]), stall_limit_s=1000.0)
    with start(job, folder, grace_s=0.5, keep_open=(lock,)) as running:
        for _ in running.blocks(tick=lambda: None):
            pass
    print(running.exit())
"""


def _drive(
    folder: Path, script: str, mark: str, limit_s: float = SAFETY_S, file_limit: int = -1
) -> subprocess.Popen[bytes]:
    """Start a process that uses mrbench, with a mark that all its descendants inherit."""
    variables = {**os.environ, MARK: mark, "READY": str(folder / "ready")}
    root = str(Path(__file__).parent.parent)
    variables["PYTHONPATH"] = root
    command = [sys.executable, "-c", textwrap.dedent(DRIVER), str(folder), script, str(limit_s)]
    if file_limit >= 0:
        command = ["bash", "-c", f'ulimit -f {file_limit}; exec "$@"', "bash", *command]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, start_new_session=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_nothing_outlives_mrbench(tmp_path: Path, number: signal.Signals) -> None:
    mark = uuid.uuid4().hex
    with _drive(tmp_path, STUBBORN, mark) as driver:
        wait_for_file(tmp_path / "ready")
        assert len(marked(mark)) >= 7  # mrbench, shim, command and four children
        driver.send_signal(number)
        assert driver.wait(SAFETY_S) == -number
    wait_until_none(mark)
    assert json.loads((tmp_path / EXIT).read_text())["reason"] == "interrupted"
    size = (tmp_path / LOG).stat().st_size
    assert read_stamps(tmp_path / STAMPS).ends[-1] == size


def test_nothing_outlives_the_process_group_of_mrbench(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    with _drive(tmp_path, STUBBORN, mark) as driver:
        wait_for_file(tmp_path / "ready")
        os.killpg(driver.pid, signal.SIGKILL)  # as terminals and batch systems do
    wait_until_none(mark)


def test_main_process_outlives_neither_mrbench_nor_shim(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    script = "trap '' TERM; touch \"$READY\"; while :; do sleep 0.1; done"
    with _drive(tmp_path, script, mark) as driver:
        wait_for_file(tmp_path / "ready")
        driver.send_signal(signal.SIGSTOP)  # it can do nothing more about it
        os.kill(_child_of(driver.pid), signal.SIGKILL)
        driver.kill()
    wait_until_none(mark)


def test_limits_hold_while_mrbench_is_stopped(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    with _drive(tmp_path, STUBBORN, mark, limit_s=1.0) as driver:
        wait_for_file(tmp_path / LOG)
        driver.send_signal(signal.SIGSTOP)
        wait_for_file(tmp_path / EXIT)
        assert len(marked(mark)) <= 2  # mrbench, and the shim while it ends
        driver.send_signal(signal.SIGCONT)
        assert b"timed_out" in driver.communicate(timeout=SAFETY_S)[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_shim_takes_its_job_along(tmp_path: Path, number: signal.Signals) -> None:
    job = make_job("bash", "-c", STUBBORN, variables={"READY": str(tmp_path / "ready")})
    with start(job, tmp_path, grace_s=0.3) as running:
        wait_for_file(tmp_path / "ready")
        os.kill(_shim_of(job.variables[MARK]), number)
        for _ in running.blocks(tick=lambda: None):
            pass
        assert running.exit().reason == "interrupted"
        assert survivors(job) == []


def test_killed_shim_is_told(tmp_path: Path) -> None:
    job = make_job("bash", "-c", "sleep 1000 & echo ready; wait")
    with start(job, tmp_path) as running:
        blocks = running.blocks(tick=lambda: None)
        assert next(blocks) == (0, b"ready\n")
        os.kill(_shim_of(job.variables[MARK]), signal.SIGKILL)
        assert list(blocks) == []
    end = running.exit()
    assert (end.reason, end.code) == ("exited", None)
    assert "watched the training was killed" in end.message
    wait_until_none(job.variables[MARK])


def test_full_disk_ends_the_job(tmp_path: Path) -> None:
    # A limit on the size of files fails a write just as a full disk does.
    mark = uuid.uuid4().hex
    # The chunk that does not fit is lost as a whole; what came before it is not.
    script = "echo first; until [ -s train.log ]; do sleep 0.02; done; yes 0123456789"
    with _drive(tmp_path, script, mark, file_limit=64) as driver:
        said = driver.communicate(timeout=SAFETY_S)[0]
    assert b"output could not be written (File too large)', remedy='make room'" in said
    wait_until_none(mark)
    log = (tmp_path / LOG).read_bytes()
    assert log.startswith(b"first\n")
    assert len(log) <= 64 * 1024
    stamps = read_stamps(tmp_path / STAMPS)
    assert (stamps.ends[-1] if stamps.ends else 0) == len(log)


def _shim_of(mark: str) -> int:
    """Return the parent of the command, which is the oldest process with the mark."""
    stat = Path(f"/proc/{min(marked(mark))}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def _child_of(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def test_a_shim_that_ends_at_once_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = tmp_path / "ends.py"
    ends.write_text("import sys; sys.stdin.read(1)\n")
    monkeypatch.setattr(shim_process, "SHIM", ends)
    with (
        pytest.raises(LaunchError, match=r"ends\.py ended at once; reinstall mrbench"),
        start(make_job("true"), tmp_path),
    ):
        pytest.fail("it was started")
