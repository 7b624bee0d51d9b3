"""`mrbench check --mirror`: real repositories, good ones and every way to be wrong."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checkworld import World
from mrbench.files import home
from toy import edit, mrbench
from upstreams import served

MIRROR = os.environ.get("MRBENCH_TEST_MIRROR")


@pytest.fixture
def world(tmp_path: Path, git: Callable[..., str]) -> World:
    return World(tmp_path, git)


def test_a_good_upstream_passes_and_nothing_is_left(world: World, tmp_path: Path) -> None:
    checks = world.check("--mirror", world.mirror)["checks"]
    told = {c["topic"]: c["text"] for c in checks if c["subject"] == "toys/toy"}
    assert {c["outcome"] for c in checks if c["topic"] != "licence"} == {"ok"}  # it states none
    assert list(told)[-5:] == ["commit", "applies", "tree", "twice", "files"]
    assert told["tree"] == f"{world.tree}, as recorded"
    assert not home().exists(), "it works in caches of its own"
    assert not list(tmp_path.glob("mrbench-check-*"))


def test_a_cache_that_stands_proves_nothing(world: World) -> None:
    world.check("--mirror", world.mirror)
    edit(world.recipe, "owner/toy\n", "owner/gone\n")
    assert world.failure("--mirror", world.mirror)["topic"] == "upstream"


def test_another_commit_is_not_there(world: World) -> None:
    line = world.change(world.recipe, f"commit: {world.commit}", f"commit: {'1a' * 20}")
    failed = world.failure("--mirror", world.mirror)
    assert (failed["topic"], failed["line"]) == ("commit", line)
    assert f"has no commit {'1a' * 20}" in failed["text"]
    assert "check source.commit" in failed["remedy"]


def test_a_tree_is_no_commit(world: World) -> None:
    tree = world.git(world.upstream, "rev-parse", "HEAD^{tree}")
    edit(world.recipe, f"commit: {world.commit}", f"commit: {tree}")
    failed = world.failure("--mirror", world.mirror)
    assert (failed["topic"], failed["remedy"]) == ("commit", "give a commit's id")


def test_a_patch_that_does_not_apply_is_told(world: World) -> None:
    (world.upstream / "configs" / "small.yaml").write_text("size: 7\n")
    world.git(world.upstream, "commit", "-qam", "on")
    edit(world.recipe, world.commit, world.git(world.upstream, "rev-parse", "HEAD"))
    failed = world.failure("--mirror", world.mirror)
    assert failed["topic"] == "applies"
    assert "patch toys/toy.patch does not apply" in failed["text"]
    assert "make it again" in failed["remedy"]


def test_a_substitution_that_finds_something_else_is_told(world: World) -> None:
    more = '  substitutions:\n    - {text: time, replacement: x, files: "*.py",'
    edit(world.recipe, "  patches:", f"{more} expect_files: 2, expect_lines: 2}}\n  patches:")
    failed = world.failure("--mirror", world.mirror)
    assert failed["topic"] == "applies"
    assert "found in 1 files" in failed["text"]


def test_what_other_counts_of_gpus_substitute_is_tried(world: World) -> None:
    change = "{text: {}, replacement: x, files: train.py, expect_files: 1, expect_lines: 1}"
    others = f"other_gpus:\n  substitutions:\n    - {change}\nguards:"
    edit(world.recipe, "guards:", others.replace("{}", "for i in range"))
    checks = world.check("--mirror", world.mirror)["checks"]
    assert [c["text"] for c in checks if c["topic"] == "applies"][1].startswith("with 2 GPUs")
    line = world.change(world.recipe, "text: for i in range", "text: no such text")
    failed = world.failure("--mirror", world.mirror)
    assert (failed["topic"], failed["line"]) == ("applies", line - 1)
    assert "found in 0 files" in failed["text"]


def test_another_tree_is_told(world: World) -> None:
    line = world.change(world.recipe, f"tree: {world.tree}", f"tree: {'3c' * 20}")
    failed = world.failure("--mirror", world.mirror)
    assert (failed["topic"], failed["line"]) == ("tree", line)
    assert world.tree in failed["text"]
    assert "correct the tree id" in failed["remedy"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("configs/small.yaml", "configs/large.yaml", "has no file configs/large.yaml"),
        ("train.py", "tools/train.py", "has no file tools/train.py"),
        ('"{python}', '"{python} --c={checkout}/x.py', "has no file x.py"),
    ],
)
def test_a_file_that_the_launch_names_must_be_there(
    world: World, old: str, new: str, text: str
) -> None:
    line = world.change(world.recipe, old, new)
    failed = world.failure("--mirror", world.mirror)
    assert (failed["topic"], failed["line"]) == ("files", line)
    assert text in failed["text"]


def test_a_folder_that_is_not_there_is_told(world: World) -> None:
    edit(world.recipe, "launch:\n", "launch:\n  directory: examples\n")
    failed = world.failure("--mirror", world.mirror)
    assert (failed["topic"], failed["text"]) == ("files", "the source has no folder examples")


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("mirror", ["no-such-folder", "empty", "http://127.0.0.1:{port}"])
def test_a_mirror_that_does_not_answer_says_nothing_of_the_recipe(
    world: World, mirror: str
) -> None:
    (world.base / "empty").mkdir()
    failed = world.failure("--mirror", mirror.format(port=_closed_port()))
    assert failed["topic"] == "upstream"
    assert failed["remedy"]
    assert "source.commit" not in failed["text"] + failed["remedy"]


def test_a_server_is_asked(world: World) -> None:
    with served(world.mirror) as server:
        assert world.check("--mirror", server.base)["outcome"] == "ok"
        assert server.posts >= 2, "two fetches"
        edit(world.recipe, world.commit, "5e" * 20)
        assert world.failure("--mirror", server.base)["topic"] == "commit"


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        yield


def test_offline_is_the_default_even_with_a_mirror_at_hand(world: World) -> None:
    with _environment("MRBENCH_MIRROR", str(world.mirror)):
        names = [c["topic"] for c in world.check()["checks"]]
        assert "commit" not in names
        assert "commit" in [c["topic"] for c in world.check("--network")["checks"]]


@pytest.mark.skipif(
    not MIRROR,
    reason="needs the seven upstreams: MRBENCH_TEST_MIRROR names a folder of owner/name.git",
)
def test_the_real_upstreams_pass(tmp_path: Path) -> None:
    done = mrbench("check", "--suite", "2019", "smoke", "--mirror", MIRROR, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
