"""Several at once, killed halfway, or on a full disk: a checkout is whole, or it is not there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import mentioned
from mrbench.files import home
from mrbench.model.inputs import Source
from mrbench.prepare import source as workspace
from upstreams import Git, make_upstream, prepare, served, source
from waiting import SAFETY_S, wait_for

PREPARE = """
import os, signal, sys
from mrbench.prepare import source as workspace
from mrbench.errors import WorkspaceError
from mrbench.model.recipe import Source
url, commit, mirror, die_at, *patches = sys.argv[1:]

def say(text):
    print(text, flush=True)
    if die_at and die_at in text:
        os.kill(os.getpid(), signal.SIGKILL)

named = tuple((patch, open(patch, "rb").read()) for patch in patches)
try:
    made = workspace.prepare(Source(url=url, commit=commit), named, mirror or None, say)
    print("made", made.reused, made.tree)
except WorkspaceError as exc:
    print("refused", exc.exit_code, exc)
"""


def start(
    pinned: Source, *patches: Path, mirror: str = "", die_at: str = "", before: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    words = [pinned.url, pinned.commit, mirror, die_at, *map(str, patches)]
    return subprocess.Popen(
        [*before, sys.executable, "-c", PREPARE, *words], stdout=subprocess.PIPE, text=True
    )


def last_line(child: subprocess.Popen[str]) -> str:
    out, _ = child.communicate(timeout=SAFETY_S)
    return out.strip().splitlines()[-1]


def left_over() -> list[str]:
    return [p.name for p in (home() / "work").iterdir() if p.name.startswith(".")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mirror" / "owner" / "name"


@pytest.fixture
def upstream(folder: Path, git: Git) -> Source:
    return source(folder, make_upstream(folder, git))


def test_of_several_at_once_one_makes_it(upstream: Source) -> None:
    children = [start(upstream) for _ in range(4)]
    lines = [last_line(child) for child in children]
    tree = prepare(upstream).tree
    assert sorted(lines) == [f"made False {tree}", *[f"made True {tree}"] * 3]
    assert left_over() == []


def test_different_recipes_at_once(
    upstream: Source, folder: Path, tmp_path: Path, git: Git
) -> None:
    later = source(folder, make_upstream(folder, git, {"README": b"later\n"}))
    patch = tmp_path / "some.patch"
    patch.write_text("--- a/README\n+++ b/README\n@@ -1 +1 @@\n-An upstream\n+patched\n")
    children = [start(upstream), start(later), start(upstream, patch)]
    lines = [last_line(child) for child in children]
    trees = [prepare(s, *p).tree for s, p in [(upstream, ()), (later, ())]]
    trees.append(prepare(upstream, patch.read_bytes()).tree)
    assert lines == [f"made False {tree}" for tree in trees]
    assert len(set(trees)) == 3


@pytest.mark.parametrize("die_at", ["fetching", "checking out"])
def test_killed_halfway_nothing_is_taken_for_whole(upstream: Source, die_at: str) -> None:
    child = start(upstream, die_at=die_at)
    assert die_at in last_line(child)
    assert child.returncode == -signal.SIGKILL
    assert workspace.lookup(upstream, ()) is None
    made = prepare(upstream)
    assert workspace.verify_tree(made)
    assert left_over() == []


def test_what_a_killed_git_left_is_cleaned(upstream: Source) -> None:
    child = start(upstream, die_at="checking out")
    last_line(child)
    (store,) = (home() / "repos" / "file").glob("*.git")
    (pin,) = (store / "refs" / "pins").iterdir()
    pin.unlink()
    half = store / "objects" / "pack" / "tmp_pack_half"
    half.write_bytes(b"PACK")
    locks = [store / "shallow.lock", store / "config.lock", pin.with_name(f"{pin.name}.lock")]
    for lock in locks:
        lock.touch()
    assert not prepare(upstream).reused
    assert not any(path.exists() for path in [half, *locks])


def test_killed_while_fetching_the_next_one_waits_and_makes_it(
    upstream: Source, folder: Path
) -> None:
    pinned = Source(url="https://github.com/owner/name", commit=upstream.commit)
    with served(folder.parents[1]) as server:
        server.gate.clear()
        first = start(pinned, mirror=server.base)
        assert server.arrived.wait(SAFETY_S)
        first.kill()
        last_line(first)
        second = start(pinned, mirror=server.base)
        assert second.stdout is not None
        assert "waiting for the store of name" in second.stdout.readline()
        server.gate.set()
        assert "made False" in last_line(second)
    assert workspace.lookup(pinned, ()) is not None
    assert left_over() == []


def test_ctrl_c_ends_git_too(upstream: Source, folder: Path) -> None:
    pinned = Source(url="https://github.com/owner/name", commit=upstream.commit)
    with served(folder.parents[1]) as server:
        server.gate.clear()
        child = start(pinned, mirror=server.base)
        assert server.arrived.wait(SAFETY_S)
        child.send_signal(signal.SIGINT)
        last_line(child)
        wait_for(lambda: not mentioned(server.base))
    assert workspace.lookup(pinned, ()) is None
    assert left_over() == []


def test_a_fetch_that_takes_too_long_is_ended(
    upstream: Source, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mrbench.errors import WorkspaceError
    from mrbench.prepare.source import git as gitdoor

    monkeypatch.setattr(gitdoor, "NETWORK_LIMIT_S", 1)
    pinned = Source(url="https://github.com/owner/name", commit=upstream.commit)
    with served(folder.parents[1]) as server:
        server.gate.clear()
        with pytest.raises(WorkspaceError, match="took longer than 1 s"):
            prepare(pinned, mirror=server.base)
        wait_for(lambda: not mentioned(server.base))


SMALL_DISK = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'


@pytest.mark.parametrize(("size", "stage"), [("900k", "fetching"), ("2600k", "checking out")])
def test_a_full_disk_is_told(tmp_path: Path, git: Git, size: str, stage: str) -> None:
    small = home()
    small.mkdir()
    space = ("unshare", "-Urm", "sh", "-c", SMALL_DISK, "sh")
    probe = subprocess.run([*space, "1m", str(small), "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    files = {f"{i}.bin": os.urandom(100_000) for i in range(15)}
    pinned = source(tmp_path / "up", make_upstream(tmp_path / "up", git, files))
    script = f'"$@"; ls -A {small}/work | wc -l'
    inside = (*space, size, str(small), "sh", "-c", script, "sh")
    out, _ = start(pinned, before=inside).communicate(timeout=SAFETY_S)
    lines = out.strip().splitlines()
    assert stage in lines[-3]
    assert lines[-1] == "0"
    assert f"refused 4 {small}: " in lines[-2]
    assert "make room there" in lines[-2]
