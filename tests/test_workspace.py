"""Checkouts: pinned, changed as the recipe says, verified, and found again."""

import os
import sys
from pathlib import Path

import pytest

from mrbench.files import home
from mrbench.model.inputs import Source, Substitution
from mrbench.prepare import source as workspace
from upstreams import FILES, Git, diff, make_upstream, prepare, refused, source


@pytest.fixture
def upstream(tmp_path: Path, git: Git) -> Source:
    return source(tmp_path / "up", make_upstream(tmp_path / "up", git))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "up"


def test_the_pinned_commit_is_checked_out(upstream: Source, folder: Path, git: Git) -> None:
    made = prepare(upstream)
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    assert (made.commit, made.tree, made.base_tree) == (upstream.commit, tree, tree)
    assert {name: (made.path / name).read_bytes() for name in FILES} == FILES
    assert made.fetched_bytes > 0
    assert not made.reused
    assert made.path == workspace.checkout_path(upstream, ())
    assert git(made.path, "rev-parse", "HEAD") == upstream.commit
    assert git(made.path, "status", "--porcelain") == ""
    assert git(made.path, "log", "--format=%s") == "a commit"


def test_a_moved_on_upstream_does_not_matter(upstream: Source, folder: Path, git: Git) -> None:
    later = make_upstream(folder, git, {"README": b"moved on\n"})
    assert (prepare(upstream).path / "README").read_bytes() == FILES["README"]
    assert (prepare(source(folder, later)).path / "README").read_bytes() == b"moved on\n"
    folder.rename(folder.with_name("gone"))
    assert prepare(upstream).reused


def test_only_the_pinned_commit_is_fetched(upstream: Source, folder: Path, git: Git) -> None:
    later = make_upstream(folder, git, {"pkg/model.py": b"later\n"})
    made = prepare(source(folder, later))
    store = next((home() / "repos" / "file").glob("*.git"))
    listed = git(store, "cat-file", "--batch-check", "--batch-all-objects")
    commits = [line.split()[0] for line in listed.splitlines() if " commit " in line]
    assert commits == [made.commit]
    assert upstream.commit not in commits


def test_a_checkout_is_found_again_without_git(upstream: Source) -> None:
    assert workspace.lookup(upstream, ()) is None
    made = prepare(upstream)
    found = workspace.lookup(upstream, ())
    assert found is not None
    assert (found.path, found.tree, found.reused) == (made.path, made.tree, True)
    loaded = set(sys.modules)
    for name in [name for name in loaded if name == "git" or name.startswith("git.")]:
        del sys.modules[name]
    again = prepare(upstream)
    assert workspace.verify_tree(again)
    assert (again.reused, again.fetched_bytes) == (True, 0)
    assert "git" not in sys.modules


def test_untracked_files_do_not_matter(upstream: Source) -> None:
    made = prepare(upstream)
    (made.path / "pkg" / "left.pyc").write_bytes(b"x")
    assert workspace.verify_tree(made)
    assert prepare(upstream).reused


@pytest.mark.parametrize("how", ["content", "same size and time", "removed", "mode", "link"])
def test_a_checkout_that_was_changed_is_made_anew(upstream: Source, how: str) -> None:
    made = prepare(upstream)
    path = made.path / "pkg" / "model.py"
    before = path.stat()
    content = path.read_bytes()
    if how == "mode":
        path.chmod(0o755)
    else:
        path.unlink()
    if how == "content":
        path.write_bytes(content + b"evil()\n")
    if how == "same size and time":
        path.write_bytes(content.replace(b"90000", b"90001"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    if how == "link":
        path.symlink_to("deep/loss.py")
    assert not workspace.verify_tree(made)
    again = prepare(upstream)
    if how == "same size and time":  # only hashing tells, and a run hashes while it trains
        assert again.reused
        return
    assert not again.reused
    assert again.tree == made.tree
    assert workspace.verify_tree(again)


def test_other_times_alone_are_no_change(upstream: Source) -> None:
    made = prepare(upstream)
    for path in (made.path / "pkg").rglob("*.py"):
        os.utime(path, (1, 1))
    assert prepare(upstream).reused


def test_a_damaged_record_means_no_checkout(upstream: Source) -> None:
    made = prepare(upstream)
    record = made.path.with_name(f"{made.path.name}.tree")
    record.write_bytes(record.read_bytes()[:-20])
    assert workspace.lookup(upstream, ()) is None
    assert not workspace.verify_tree(made)
    assert not prepare(upstream).reused


def test_an_invented_record_does_not_verify(upstream: Source) -> None:
    made = prepare(upstream)
    record = made.path.with_name(f"{made.path.name}.tree")
    record.write_text(record.read_text().replace(made.tree, "0" * 40, 2))
    assert not workspace.verify_tree(made)


def test_a_tree_other_than_the_recipes_is_refused(upstream: Source, folder: Path) -> None:
    made = prepare(upstream)
    wrong = source(folder, upstream.commit, tree="1" * 40)
    assert made.tree in refused(wrong)
    assert "1" * 40 in refused(wrong)
    assert prepare(source(folder, upstream.commit, tree=made.tree)).reused
    (made.path / "README").unlink()
    assert "1" * 40 in refused(wrong)


def test_the_name_tells_all_that_decides(upstream: Source, folder: Path) -> None:
    change = Substitution(text="a", replacement="b", files="*", expect_files=1, expect_lines=1)
    sources = [
        upstream,
        source(folder, "1" * 40),
        source(folder.with_name("other"), upstream.commit),
        source(folder, upstream.commit, paths=("pkg/",)),
        source(folder, upstream.commit, substitutions=(change,)),
    ]
    some = [(), (("a", b"a"),), (("a", b"a"), ("b", b"b"))]
    paths = {workspace.checkout_path(s, patches) for s in sources for patches in some}
    assert len(paths) == 15
    expected = source(folder, upstream.commit, tree="1" * 40)
    assert workspace.checkout_path(expected, ()) == workspace.checkout_path(upstream, ())
    name = workspace.checkout_path(upstream, ()).name
    assert name.startswith(f"up-{upstream.commit[:12]}-")
    assert not home().exists()


def test_bytes_come_out_as_they_are_in_the_repository(tmp_path: Path, git: Git) -> None:
    files = {
        ".gitattributes": b"* text=auto\n*.bat eol=crlf\n*.id ident\n",
        "sub/.gitattributes": b"* working-tree-encoding=utf16\n",
        "run.bat": b"echo\n",
        "keep.txt": b"a\r\nb\r\n",
        "v.id": b"$Id$\n",
        "sub/w": b"w\n",
        "na\xefve \xfc.txt".encode("latin-1").decode("utf-8", "surrogateescape"): b"x",
    }
    folder = tmp_path / "up"
    folder.mkdir()
    git(folder, "init", "-q")
    for name, content in files.items():
        oid_file = tmp_path / "blob"
        oid_file.write_bytes(content)
        oid = git(folder, "hash-object", "-w", "--no-filters", str(oid_file))
        git(folder, "update-index", "--add", "--cacheinfo", f"100644,{oid},{name}")
    git(folder, "commit", "-q", "-m", "bytes")
    (tmp_path / "home" / ".gitconfig").write_text("[core]\nautocrlf = true\neol = crlf\n")
    made = prepare(source(folder, git(folder, "rev-parse", "HEAD")))
    for name, content in files.items():
        assert (made.path / name).read_bytes() == content
    assert workspace.verify_tree(made)


def test_links_and_modes_come_out(tmp_path: Path, git: Git) -> None:
    make_upstream(tmp_path / "up", git)
    (tmp_path / "up" / "link").symlink_to("pkg/model.py")
    (tmp_path / "up" / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "up" / "run.sh").chmod(0o755)
    made = prepare(source(tmp_path / "up", make_upstream(tmp_path / "up", git, {})))
    assert (made.path / "link").readlink() == Path("pkg/model.py")
    assert os.access(made.path / "run.sh", os.X_OK)
    assert workspace.verify_tree(made)
    (made.path / "link").unlink()
    (made.path / "link").symlink_to("/etc/passwd")
    assert not workspace.verify_tree(made)


def test_only_the_named_folders_are_checked_out(upstream: Source, folder: Path, git: Git) -> None:
    pinned = source(folder, upstream.commit, paths=("/pkg/", "README"))
    patch = diff(folder, git, {"pkg/model.py": b"changed\n"})
    made = prepare(pinned, patch)
    names = {p.relative_to(made.path).parts[0] for p in made.path.iterdir()}
    assert names == {".git", "pkg", "README"}
    assert made.base_tree == git(folder, "rev-parse", "HEAD^{tree}")
    assert made.tree == prepare(upstream, patch).tree
    assert workspace.verify_tree(made)
    assert git(made.path, "rev-parse", "HEAD") == upstream.commit
    store = next((home() / "repos" / "file").glob("*.git"))
    make_upstream(folder, git, {"x": b""})
    other = source(folder, upstream.commit, paths=("assets/",))
    assert (prepare(other).path / "assets" / "big.bin").read_bytes() == FILES["assets/big.bin"]
    assert len(list(store.parent.glob("*.git"))) == 1


def test_a_folder_that_is_not_there_is_told(upstream: Source, folder: Path) -> None:
    said = refused(source(folder, upstream.commit, paths=("pkg", "no/such")))
    assert "has no no/such at" in said
