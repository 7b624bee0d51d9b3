"""Embedded implementations: a commit id that depends on the files alone, and is what git says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mrbench.files import home
from mrbench.model.inputs import Source
from mrbench.prepare import source
from mrbench.prepare.source import embedded
from upstreams import Git, prepare, refused

FILES = {
    "train.py": b"print(1)\n",
    "README.md": b"# Tiny\n",
    "a/deep/er.py": b"",
    "a.py": b"between a and a/ as git sorts\n",
    "a-b.txt": b"x",
}


@pytest.fixture(autouse=True)
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "embedded" / "tiny"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "train.py").write_bytes(b"no source")
    (folder / "model.npz").write_bytes(b"no source either")
    (tmp_path / "embedded" / "__pycache__").mkdir()
    monkeypatch.setattr(embedded, "FOLDER", tmp_path / "embedded")
    return folder


def pinned() -> Source:
    return Source(url="package:tiny", commit=embedded.commit_id("tiny"))


def test_the_commit_is_what_git_makes_of_the_files(tmp_path: Path, git: Git) -> None:
    made = tmp_path / "made"
    for name, content in embedded.repository("tiny").items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    git(made, "init", "-q")
    git(made, "add", ".")
    name, email = embedded.SIGNATURE.rsplit(" ", 2)[0].rstrip(">").split(" <")
    date = "1577836800 +0000"
    who = {
        f"GIT_{x}_{y}": z
        for x in ("AUTHOR", "COMMITTER")
        for y, z in zip(("NAME", "EMAIL", "DATE"), (name, email, date), strict=True)
    }
    subprocess.run(
        ["git", "commit", "-q", "-m", "tiny"], cwd=made, env={**os.environ, **who}, check=True
    )
    assert git(made, "rev-parse", "HEAD") == embedded.commit_id("tiny")
    assert set(embedded.repository("tiny")) == set(FILES)


def test_it_is_checked_out_like_any_other(tiny: Path, git: Git) -> None:
    made = prepare(pinned())
    for name, content in FILES.items():
        assert (made.path / name).read_bytes() == content
    assert source.verify_tree(made)
    assert made.fetched_bytes > 0
    assert git(made.path, "rev-parse", "HEAD") == pinned().commit
    store = home() / "repos" / "package" / "tiny.git"
    git(store, "fsck", "--strict", "--full", "--no-dangling")
    assert prepare(pinned()).reused
    (tiny / "train.py").write_bytes(b"print(2)\n")
    assert not prepare(pinned()).reused


def test_the_id_depends_on_the_files_alone(tiny: Path) -> None:
    before = embedded.commit_id("tiny")
    os.utime(tiny / "train.py", (1, 1))
    (tiny / "train.py").chmod(0o755)
    (tiny / "other.bin").touch()
    assert embedded.commit_id("tiny") == before
    (tiny / "other.py").touch()
    assert embedded.commit_id("tiny") != before


def test_another_commit_is_refused_with_the_one_that_is_carried() -> None:
    said = refused(Source(url="package:tiny", commit="1" * 40))
    assert embedded.commit_id("tiny") in said


@pytest.mark.parametrize("name", ["other", "", "..", "../tiny", "__pycache__"])
def test_an_unknown_name_is_answered_with_the_known_ones(name: str) -> None:
    assert "carries tiny" in refused(Source(url=f"package:{name}", commit="1" * 40))


def test_the_commit_can_be_printed() -> None:
    command = [sys.executable, "-m", "mrbench.embedded", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "minimask" in done.stderr
    command[-1] = "minimask"
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) == 40
