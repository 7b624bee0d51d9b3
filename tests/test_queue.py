"""The queue for this machine's devices, between real processes."""

import contextlib
import os
import re
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import SAFETY_S
from mrbench import locks
from mrbench.errors import BusyError
from mrbench.run import queue

RUN = """
    import sys
    from mrbench.run import queue
    def waiting(text):
        print(text, flush=True)
    with queue.turn(sys.argv[2:], sys.argv[1], waiting):
        print("held", flush=True)
        sys.stdin.read()
"""
Process = subprocess.Popen[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MRBENCH_LOCKS", str(tmp_path))
    return tmp_path


@pytest.fixture
def started() -> Iterator[list[Process]]:
    processes: list[Process] = []
    yield processes
    for process in processes:
        with process:
            process.kill()


def _run(started: list[Process], what: str, *devices: str) -> Process:
    """Start a run that takes its place in the queue; it trains until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUN), what, *devices],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    started.append(process)
    return process


def _line(process: Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def _end(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(SAFETY_S) == 0


def _tickets(folder: Path) -> list[Path]:
    return list(folder.glob("mrbench.ticket.*"))


def test_the_first_that_waits_is_the_next_that_trains(started: list[Process], folder: Path) -> None:
    one = _run(started, "2019/one", "cpu")
    assert _line(one) == "held"
    waiting = []
    for number, name in enumerate(("two", "three", "four")):
        waiting.append(_run(started, f"2019/{name}", "cpu"))
        others = f"{number or 'no'} other run{'s' * (number != 1)} before this one"
        who = rf"process {one.pid} of \S+ trains 2019/one since \S+Z \(0 min\); {others}"
        assert re.fullmatch(f"waiting for cpu: {who}", _line(waiting[-1]))
    assert len(_tickets(folder)) == 3
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in _tickets(folder))
    _end(one)
    for process in waiting:
        assert _line(process) == "held"
        _end(process)
    assert _tickets(folder) == []


def test_a_killed_waiter_loses_its_place(started: list[Process], folder: Path) -> None:
    one, two, three = (_run(started, "2019/x", "cpu") for _ in "123")
    holder = next(p for p in (one, two, three) if _line(p) == "held")
    others = [p for p in (one, two, three) if p is not holder]
    others[0].kill()
    others[0].wait()
    holder.kill()  # neither of them tidies up
    holder.wait()
    while (text := _line(others[1])) != "held":
        assert text.startswith("waiting for cpu")
    _end(others[1])
    queue.refuse_busy(["cpu"])
    assert _tickets(folder) == []


def test_who_waits_for_a_set_keeps_its_place_for_all_of_it(started: list[Process]) -> None:
    one = _run(started, "2019/one", "gpu1")
    assert _line(one) == "held"
    pair = _run(started, "2019/pair", "gpu0", "gpu1")
    assert "no other runs before" in _line(pair)
    apart = _run(started, "2019/apart", "gpu2", "gpu3")
    assert _line(apart) == "held"
    late = _run(started, "2019/late", "gpu0")  # free, but the pair came first
    assert _line(late).startswith(
        "waiting for gpu0: nobody trains on it now; 1 other run before this one"
    )
    with pytest.raises(BusyError, match="2 other runs before"):
        queue.refuse_busy(["gpu0"])
    _end(one)
    assert _line(pair) == "held"
    _end(pair)
    assert _line(late) == "held"


def test_an_older_mrbench_that_has_the_lock_is_waited_for(folder: Path) -> None:
    with locks.machine_wide(("gpu0",), pytest.fail):
        with pytest.raises(BusyError, match=rf"busy: gpu0: process {os.getpid()} of \S+ trains"):
            queue.refuse_busy(["gpu0"])
        with (
            pytest.raises(BusyError, match=r"busy after 0.3 s: gpu0: "),
            queue.turn(["gpu0"], "2019/x", lambda _: None, 0.3),
        ):
            pass
        (folder / "mrbench.gpu0.lock").write_text("4711\x1b[2J")
        with pytest.raises(BusyError, match="gpu0: another process; no other runs"):
            queue.refuse_busy(["gpu0"])
    assert _tickets(folder) == []


def test_whoever_waits_says_so_again_each_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "TELL_S", 0.0)  # a minute would be long for a test
    said: list[str] = []
    with contextlib.ExitStack() as held:
        held.enter_context(locks.machine_wide(("cpu",), pytest.fail))

        def give_way(text: str) -> None:
            said.append(text)
            if len(said) == 3:
                held.close()

        with queue.turn(["cpu"], "2019/x", give_way):
            pass
    assert len(said) == 3


def test_what_is_no_ticket_of_mrbench_keeps_nobody_waiting(folder: Path) -> None:
    victim = folder / "victim"
    victim.write_text("precious")
    names = [f"mrbench.ticket.{number:020}.{'0' * 12}" for number in range(4)]
    (folder / names[0]).symlink_to(victim)
    os.mkfifo(folder / names[1])
    (folder / names[2]).mkdir()
    (folder / names[3]).write_bytes(b"\xff" * 9000)
    with queue.turn(["cpu"], "2019/x", pytest.fail):
        pass
    assert victim.read_text() == "precious"
