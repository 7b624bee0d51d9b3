"""Locks between runs on the same devices, held by real processes."""

import contextlib
import os
import pwd
import re
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from jobs import make_job
from mrbench import locks
from mrbench.errors import UnavailableError
from mrbench.launch.executors.local import start
from waiting import SAFETY_S


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MRBENCH_LOCKS", str(tmp_path))
    return tmp_path


def _holder(*names: str) -> "subprocess.Popen[str]":
    """Start a process that holds locks until its input ends; returns once it has them."""
    code = """
        import sys
        from mrbench import locks
        with locks.machine_wide(tuple(sys.argv[1:]), print):
            print("held", flush=True)
            sys.stdin.read()
    """
    root = str(Path(__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def _refuse_to_wait(message: str) -> None:
    raise AssertionError(message)


class Waited(Exception):  # noqa: N818 - no error
    """Ends a wait that a test wants to see begin."""


def _end_wait(message: str) -> None:
    raise Waited(message)


def test_free_locks_are_taken_at_once_and_given_back() -> None:
    for _ in range(2):
        with locks.machine_wide(("gpu1", "gpu0", "gpu1"), _refuse_to_wait) as files:
            assert len(files) == 2


def test_waits_for_the_holder_and_names_it(folder: Path) -> None:
    messages: list[str] = []
    with _holder("gpu1") as other:

        def give_way(message: str) -> None:
            messages.append(message)
            assert other.stdin is not None
            threading.Timer(0.3, other.stdin.close).start()

        with locks.machine_wide(("gpu0", "gpu1"), give_way):
            assert other.wait(SAFETY_S) == 0
    (message,) = messages
    user = pwd.getpwuid(os.getuid()).pw_name
    who = rf"process {other.pid} of {user} \(since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)"
    assert re.fullmatch(rf"waiting for gpu1: {who} has {folder}/mrbench.gpu1.lock", message)


def test_other_devices_are_free() -> None:
    with _holder("gpu0", "gpu1"), locks.machine_wide(("gpu2", "cpu"), _refuse_to_wait):
        pass


def test_wait_that_is_broken_off_gives_back_the_rest() -> None:
    with _holder("gpu1"):
        with pytest.raises(Waited), locks.machine_wide(("gpu0", "gpu1"), _end_wait):
            pass
        with locks.machine_wide(("gpu0",), _refuse_to_wait):
            pass


def test_killed_holder_leaves_no_lock() -> None:
    with _holder("gpu0") as other:
        other.kill()
        other.wait()
        with locks.machine_wide(("gpu0",), _refuse_to_wait):
            pass


def test_running_job_keeps_the_locks_it_was_given(tmp_path: Path) -> None:
    ours = contextlib.ExitStack()
    files = ours.enter_context(locks.machine_wide(("gpu0",), _refuse_to_wait))
    with start(make_job("sleep", "1000"), tmp_path, keep_open=files):
        ours.close()  # as when mrbench has died
        with pytest.raises(Waited), locks.machine_wide(("gpu0",), _end_wait):
            pass
    with locks.machine_wide(("gpu0",), _refuse_to_wait):
        pass


def test_lock_file_is_open_to_other_users(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with locks.machine_wide(("gpu0",), _refuse_to_wait):
            pass
    finally:
        os.umask(before)
    file = folder / "mrbench.gpu0.lock"
    assert stat.S_IMODE(file.stat().st_mode) == 0o666
    assert file.read_text().startswith(f"{os.getpid()} ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two users")
def test_file_of_another_user_that_is_read_only_still_locks(folder: Path) -> None:
    file = folder / "mrbench.gpu0.lock"
    file.touch(mode=0o644)
    code = "from mrbench import locks\nwith locks.machine_wide(('gpu0',), print): print('held')"
    # another user may not search pytest's folders: the paths are opened before the change
    setup = f"import os, sys; sys.path[:0] = [{str(Path(__file__).parent.parent)!r}]; "
    setup += f"from mrbench import locks; os.chdir({str(folder)!r}); os.setgroups([]); "
    setup += "os.setgid(65534); os.setuid(65534); os.environ['MRBENCH_LOCKS'] = '.'"
    folder.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-c", f"{setup}\n{code}"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("held\n", "")


@pytest.mark.parametrize("trap", ["symlink", "hardlink", "fifo", "folder"])
def test_what_somebody_laid_there_is_refused(folder: Path, trap: str) -> None:
    file, victim = folder / "mrbench.gpu0.lock", folder / "victim"
    victim.write_text("precious")
    if trap == "symlink":
        file.symlink_to(victim)
    elif trap == "hardlink":
        file.hardlink_to(victim)
    elif trap == "fifo":
        os.mkfifo(file)
    else:
        file.mkdir()
    with pytest.raises(UnavailableError, match=r"gpu0\.lock: "):
        locks.machine_wide(("gpu0",), _refuse_to_wait).__enter__()
    assert victim.read_text() == "precious"


def test_missing_folder_is_named_with_its_remedy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRBENCH_LOCKS", str(folder / "gone"))
    with pytest.raises(UnavailableError, match=r"No such file.*set MRBENCH_LOCKS"):
        locks.machine_wide(("gpu0",), _refuse_to_wait).__enter__()


@pytest.mark.parametrize(
    ("text", "holder"),
    [
        ("4711\n", "process 4711"),  # as mrbench wrote it before
        ("4711 2024-05-01T10:02:11Z ann\n", "process 4711 of ann (since 2024-05-01T10:02:11Z)"),
        ("", "another process"),
        ("4711 \x1b[2J", "another process"),
    ],
)
def test_a_holder_is_named_as_far_as_the_file_tells(folder: Path, text: str, holder: str) -> None:
    with _holder("gpu0"), (folder / "mrbench.gpu0.lock").open("r+") as stream:
        stream.truncate(0)
        stream.write(text)
        stream.flush()
        with pytest.raises(Waited, match=re.escape(f"waiting for gpu0: {holder} has ")):
            locks.machine_wide(("gpu0",), _end_wait).__enter__()


def test_a_lock_file_that_its_holder_removes_is_made_anew(folder: Path) -> None:
    file = folder / "some.lock"
    with contextlib.ExitStack() as theirs:
        theirs.enter_context(locks.hold(file, "it", _refuse_to_wait))

        def remove(_message: str) -> None:
            file.unlink()
            theirs.close()

        with locks.hold(file, "it", remove), locks.attempt(file) as second:
            assert second is None


def test_two_folders_for_temporary_files_have_one_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MRBENCH_LOCKS")
    places = set()
    for name in ("one", "other"):
        monkeypatch.setenv("TMPDIR", str(tmp_path / name))
        places.add(locks.folder())
    assert len(places) == 1
