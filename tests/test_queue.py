"""The queue for this machine's devices, between real processes."""

import contextlib
import json
import os
import re
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from mrbench import cli, locks
from mrbench.errors import BusyError
from mrbench.run import queue
from waiting import SAFETY_S

RUN = """
    import sys
    from mrbench.run import queue
    def waiting(text):
        print(text, flush=True)
    with queue.turn(sys.argv[2:], sys.argv[1], waiting):
        print("held", flush=True)
        sys.stdin.read()
"""
# Another user may not search pytest's folders: the paths are opened before the change.
AS_NOBODY = """
    import _strptime, os
    from mrbench.run import queue
    os.chdir(os.environ["MRBENCH_LOCKS"])
    os.environ["MRBENCH_LOCKS"] = "."
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
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


def _run(started: list[Process], what: str, *devices: str, before: str = "") -> Process:
    """Start a run that takes its place in the queue; it trains until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(before) + textwrap.dedent(RUN), what, *devices],
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


def test_status_says_who_trains_and_who_waits(
    started: list[Process], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out.startswith("this machine: nobody trains\n")
    both = _run(started, "2019/both", "gpu0", "gpu1")
    assert _line(both) == "held"
    late = _run(started, "2019/late", "gpu1")
    assert _line(late).startswith("waiting for gpu1")
    (folder / "mrbench.gpu7.lock").touch()  # of a run that is over
    (folder / "mrbench.weights-0123.lock").touch()
    with locks.attempt(folder / "mrbench.weights-0123.lock"):
        assert cli.main(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (training,), (waiting,) = told["training"], told["waiting"]
    assert (training["pid"], training["what"]) == (both.pid, "2019/both")
    assert training["devices"] == ["gpu0", "gpu1"]
    assert (waiting["pid"], waiting["what"], waiting["devices"]) == (
        late.pid,
        "2019/late",
        ["gpu1"],
    )
    assert told["submitted"] == []
    assert cli.main(["status"]) == 0
    trains, waits, *_ = capsys.readouterr().out.splitlines()
    user = training["user"]
    who = rf"gpu0, gpu1: process {both.pid} of {user} trains 2019/both since \S+Z \(\d+ min\)"
    assert re.fullmatch(who, trains)
    who = rf"process {late.pid} of {user} waits to train 2019/late since \S+Z \(\d+ min\)"
    assert re.fullmatch(f"gpu1: number 1 in the queue: {who}", waits)
    (folder / "mrbench.gpu0.lock").write_text("4711\x1b[2J")
    assert cli.main(["status"]) == 0
    assert "gpu0: another process trains\n" in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two users")
def test_two_users_stand_in_one_queue(started: list[Process], folder: Path) -> None:
    folder.chmod(0o1777)  # as /tmp: nobody may remove what is another user's
    dead = folder / f"mrbench.ticket.{1:020}.{'0' * 12}"
    dead.write_text("4711 2026-01-01T00:00:00Z root 2019/dead cpu\n")
    one = _run(started, "2019/one", "cpu")
    assert _line(one) == "held"
    dead.write_text("4711 2026-01-01T00:00:00Z root 2019/dead cpu\n")
    two = _run(started, "2019/two", "cpu", before=AS_NOBODY)
    who = f"process {one.pid} of root trains 2019/one"
    assert _line(two).startswith(f"waiting for cpu: {who}")
    assert dead.exists()
    three = _run(started, "2019/three", "cpu")
    assert "; 1 other run before this one" in _line(three)
    assert [(one.user, one.pid) for one in queue.look().waiting] == [
        ("nobody", two.pid),
        ("root", three.pid),
    ]
    _end(one)
    assert _line(two) == "held"
    four = _run(started, "2019/four", "cpu", before=AS_NOBODY)
    assert "; 1 other run before this one" in _line(four)
    _end(two)
    assert _line(three) == "held"
    _end(three)
    assert _line(four) == "held"
    _end(four)
    assert _tickets(folder) == []


def test_a_killed_waiter_loses_its_place(started: list[Process], folder: Path) -> None:
    holder = _run(started, "2019/x", "cpu")
    assert _line(holder) == "held"
    others = [_run(started, "2019/x", "cpu") for _ in "12"]
    for waiter in others:  # what is killed has its ticket
        assert _line(waiter).startswith("waiting for cpu")
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
        with pytest.raises(BusyError, match="gpu0: another process trains; no other runs"):
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
