"""Closed streams, full disks behind them, and limits of the user's shell: one line, or a run."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from toy import make_suite

# Enough to read everything as root does, and no exemption from limits.
LIMITED = (
    "setpriv --reuid=54321 --clear-groups --inh-caps=+dac_override,+dac_read_search"
    " --ambient-caps=+dac_override,+dac_read_search"
)


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def shell(line: str, toy: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash in which RUN is `mrbench run` of the toy."""
    home = f"MRBENCH_HOME={toy.parents[1]}/home MRBENCH_LOCKS={toy.parents[1]}"
    words = f"env {home} {sys.executable} -m mrbench run --recipe {toy}"
    command = ["bash", "-c", line.replace("RUN", words)]
    return subprocess.run(command, cwd=toy.parents[1], capture_output=True, check=False)


@pytest.mark.parametrize(
    "line",
    [
        "RUN 2>&-",
        "RUN <&- >&- 2>&-",
        "RUN --json >/dev/full",
        "RUN >/dev/full 2>/dev/full",
        "PYTHONIOENCODING=utf-16 RUN",
    ],
)
def test_it_runs_whatever_its_streams_are(toy: Path, tmp_path: Path, line: str) -> None:
    assert shell(line, toy).returncode == 0
    assert len(list(tmp_path.glob("runs/*/*/*/record.json"))) == 1


@pytest.mark.parametrize("limit", ["ulimit -n 7", "ulimit -n 10", "ulimit -n 12"])
def test_too_few_files_are_told_in_one_line(toy: Path, limit: str) -> None:
    done = shell(f"{limit}; RUN --quiet", toy)
    assert done.returncode not in (0, 70)
    assert done.stderr.count(b"\n") == 1, done.stderr
    assert b"ulimit -n" in done.stderr


@pytest.mark.parametrize("most", [1, 2, 3])
def test_too_few_processes_are_told_in_one_line(git: Callable[..., str], most: int) -> None:
    tried = subprocess.run([*LIMITED.split(), "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("needs root, to be another user without processes")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        Path(folder).chmod(0o777)
        toy = make_suite(Path(folder), git)
        done = shell(f"exec {LIMITED} bash -c 'ulimit -u {most}; exec RUN --quiet'", toy)
    assert done.returncode not in (0, 70)
    assert done.stderr.count(b"\n") == 1, done.stderr
    assert b"temporarily unavailable" in done.stderr or b"ulimit -u" in done.stderr
