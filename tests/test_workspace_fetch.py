"""Where sources come from: mirrors, partial fetches, refusals; settings that must not matter."""

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mrbench.files import home
from mrbench.model.inputs import Source
from mrbench.prepare import source as workspace
from upstreams import FILES, Git, make_upstream, prepare, refused, served, source

GITHUB = "https://github.com/owner/name"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mirror" / "owner" / "name"


@pytest.fixture
def commit(folder: Path, git: Git) -> str:
    return make_upstream(folder, git)


def move_to(form: str, folder: Path, git: Git) -> None:
    """Turn owner/name with its .git into another form that a mirror may have."""
    if form.startswith("bare"):
        git(folder.parent, "clone", "-q", "--bare", "name", "bare")
        folder.rename(folder.parents[2] / "old")
        folder = (folder.parent / "bare").rename(folder)
    if form.endswith(".git"):
        folder.rename(folder.with_name("name.git"))
    if form == "link":
        folder.rename(folder.parents[2] / "elsewhere 100%")
        folder.symlink_to(folder.parents[2] / "elsewhere 100%")


@pytest.mark.parametrize("form", ["name", "name.git", "bare name", "bare name.git", "link"])
@pytest.mark.parametrize("url", [GITHUB, f"{GITHUB}.git", f"{GITHUB}/"])
def test_a_folder_may_stand_for_github(
    folder: Path, commit: str, git: Git, form: str, url: str
) -> None:
    move_to(form, folder, git)
    pinned = Source(url=url, commit=commit)
    made = prepare(pinned, mirror=str(folder.parents[1]))
    assert (made.path / "README").read_bytes() == FILES["README"]
    assert made.path == workspace.checkout_path(pinned, ())
    assert (home() / "repos" / "github.com" / "owner" / "name.git").is_dir()
    assert "mirror" not in (made.path / ".git" / "config").read_text()


def test_a_mirror_may_be_named_in_other_ways(
    folder: Path, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parents[2])
    pinned = Source(url=GITHUB, commit=commit)
    paths = {prepare(pinned, mirror=m).path for m in ["mirror", f"file://{folder.parents[1]}/"]}
    assert len(paths) == 1


def test_a_mirror_is_for_github_only(folder: Path, commit: str) -> None:
    assert prepare(source(folder, commit), mirror="/no/such/mirror").commit == commit


@pytest.mark.parametrize("name", ["name", "name.git"])
def test_only_the_named_blobs_are_fetched(folder: Path, commit: str, git: Git, name: str) -> None:
    git(folder, "config", "uploadpack.allowFilter", "true")
    folder.rename(folder.with_name(name))
    big = git(folder.with_name(name), "rev-parse", "HEAD:assets/big.bin")
    pinned = Source(url=GITHUB, commit=commit, paths=("pkg",))
    with served(folder.parents[1]) as server:
        made = prepare(pinned, mirror=server.base)
        store = home() / "repos" / "github.com" / "owner" / "name.git"
        stored = git(store, "cat-file", "--batch-check", "--batch-all-objects")
        assert big not in stored
        assert not (made.path / "assets").exists()
        assert workspace.verify_tree(made)
        asked = server.posts
        whole = Source(url=GITHUB, commit=commit)
        assert (prepare(whole, mirror=server.base).path / "assets" / "big.bin").is_file()
        assert server.posts > asked
        assert big in git(store, "cat-file", "--batch-check", "--batch-all-objects")
        assert (
            made.tree == made.base_tree == git(folder.with_name(name), "rev-parse", "HEAD^{tree}")
        )


def test_a_server_without_filters_will_do(folder: Path, commit: str, git: Git) -> None:
    git(folder, "config", "uploadpack.allowFilter", "false")
    with served(folder.parents[1]) as server:
        made = prepare(Source(url=GITHUB, commit=commit, paths=("pkg",)), mirror=server.base)
    assert not (made.path / "assets").exists()


def test_a_server_without_git_will_do(folder: Path, commit: str, git: Git) -> None:
    make_upstream(folder, git, {"README": b"moved on\n"})
    git(folder, "update-server-info")
    handler = partial(QuietFiles, directory=str(folder / ".git"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            mirror = f"http://127.0.0.1:{server.server_address[1]}"
            made = prepare(Source(url=GITHUB, commit=commit), mirror=mirror)
            said = refused(Source(url=GITHUB, commit="1" * 40), mirror=mirror)
        finally:
            server.shutdown()
            thread.join()
    assert (made.path / "README").read_bytes() == FILES["README"]
    assert git(made.path, "log", "--oneline").count("\n") == 0
    assert f"has no commit {'1' * 40}" in said


class QuietFiles(SimpleHTTPRequestHandler):
    """Serves a repository's files whatever owner and name are asked for."""

    def translate_path(self, path: str) -> str:
        return super().translate_path("/".join(["", *path.split("/")[3:]]))

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_a_commit_that_is_not_there_is_told(folder: Path, commit: str, git: Git) -> None:
    absent = "1" * 40
    assert f"has no commit {absent}" in refused(source(folder, absent))
    assert "check source.commit" in refused(source(folder, absent))
    blob = git(folder, "rev-parse", "HEAD:README")
    assert commit != blob
    assert f"{blob} is a blob" in refused(source(folder, blob))
    assert f"{blob} is a blob" in refused(source(folder, blob))
    with served(folder.parents[1]) as server:
        pinned = Source(url=GITHUB, commit=absent)
        assert f"has no commit {absent}" in refused(pinned, mirror=server.base)


def test_a_copy_that_lacks_blobs_serves_the_folders_it_has(
    folder: Path, commit: str, git: Git
) -> None:
    blob = git(folder, "rev-parse", "HEAD:assets/big.bin")
    (folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    said = refused(source(folder, commit))
    assert f"lacks part of commit {commit}" in said
    assert blob in said
    assert "source.paths" in said
    made = prepare(source(folder, commit, paths=("pkg",)))
    assert made.tree == git(folder, "rev-parse", "HEAD^{tree}")


def test_a_repository_that_is_not_there_is_told(tmp_path: Path, commit: str) -> None:
    assert "no such repository" in refused(source(tmp_path / "none", commit))
    pinned = Source(url="https://github.com/owner/other", commit=commit)
    said = refused(pinned, mirror=str(tmp_path / "mirror"))
    assert "holds neither owner/other.git nor owner/other" in said
    assert "no such folder" in refused(pinned, mirror=str(tmp_path / "none"))
    with served(tmp_path / "mirror") as server:
        said = refused(pinned, mirror=server.base)
        base = server.base
    assert f"{base}/owner/other: no such repository" in said
    said = refused(pinned, mirror=base)
    assert "cannot be reached" in said
    assert "--mirror" in said


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% {marker}",
        "ext::sh%20-c%20touch%20{marker}://x",
        "--upload-pack=touch {marker}",
        "-uhttps://x/y",
        "ssh://-oProxyCommand=touch%20{marker}/x",
        "git@github.com:owner/name",
        "http://github.com/owner/name",
        "git://github.com/owner/name",
        "/some/folder",
        "https://",
        "https://host/a b",
        "https://host/../a",
        "https://token@host/owner/name",
        "https://user:secret@host/owner/name",
        "file://[/x",
        "",
    ],
)
def test_a_url_that_git_could_misread_is_refused(tmp_path: Path, url: str) -> None:
    marker = tmp_path / "marker"
    said = refused(Source(url=url.format(marker=marker), commit="1" * 40))
    assert "source.url" in said
    assert "secret" not in said
    assert not marker.exists()
    assert not home().exists()


@pytest.mark.parametrize(
    "mirror", ["ext::sh -c x://y", "-x", "git://host", "https://user:secret@host", "http://a b"]
)
def test_a_mirror_that_git_could_misread_is_refused(mirror: str) -> None:
    said = refused(Source(url=GITHUB, commit="1" * 40), mirror=mirror)
    assert "mirror" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "commit", ["main", "1" * 39, "1" * 64, "-" * 40, "A" * 40, "1" * 40 + "\n"]
)
def test_only_whole_commit_ids_are_taken(commit: str) -> None:
    assert "40 hex digits" in refused(Source(url=GITHUB, commit=commit))


@pytest.mark.parametrize(
    "path", ["", "/", "..", "a/../b", "!a", "*.py", "a\nb", "-a", "a//b", "#a"]
)
def test_only_plain_paths_are_taken(path: str) -> None:
    assert "source.paths" in refused(Source(url=GITHUB, commit="1" * 40, paths=(path,)))


def test_the_users_settings_run_nothing(folder: Path, commit: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho $0 $@ >> {marker}\ncat >/dev/null\n")
    script.chmod(0o755)
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in ["post-checkout", "post-index-change", "reference-transaction", "post-commit"]:
        (hooks / name).symlink_to(script)
    config = tmp_path / "home" / ".gitconfig"
    config.write_text(
        f"[core]\nhooksPath = {hooks}\nfsmonitor = {script}\n"
        f"attributesFile = {tmp_path}/attributes\nsshCommand = {script}\nautocrlf = true\n"
        f"askPass = {script}\n"
        f"[init]\ntemplateDir = {tmp_path}/template\ndefaultObjectFormat = sha256\n"
        f'[filter "x"]\nsmudge = {script}\nclean = {script}\nprocess = {script}\nrequired\n'
        f"[credential]\nhelper = {script}\n[gc]\nauto = 1\n[fetch]\nprune = true\n"
        "[safe]\nbareRepository = explicit\n[protocol]\nallow = never\nversion = 0\n"
        '[remote "origin"]\nurl = /no/such/place\n[submodule]\nrecurse = true\n'
        '[url "ext::touch "]\ninsteadOf = https://nowhere.invalid/\n'
    )
    (tmp_path / "attributes").write_text("* filter=x\n")
    before = config.read_bytes()
    made = prepare(source(folder, commit, paths=("pkg", "README")))
    assert workspace.verify_tree(made)
    assert not (made.path / ".git" / "hooks").exists()
    assert not marker.exists()
    assert config.read_bytes() == before
    assert "ext" in refused(Source(url="https://nowhere.invalid/o/n", commit="1" * 40))
    assert sorted(p.name for p in (tmp_path / "home").iterdir()) == [".gitconfig"]


def test_inherited_variables_do_no_harm(
    folder: Path, commit: str, tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    make_upstream(victim, git, {"a": b"a\n"})
    before = {p: p.read_bytes() for p in victim.rglob("*") if p.is_file()}
    for name, value in {
        "GIT_DIR": victim / ".git",
        "GIT_WORK_TREE": victim,
        "GIT_INDEX_FILE": victim / ".git" / "index",
        "GIT_OBJECT_DIRECTORY": victim / ".git" / "objects",
        "GIT_COMMON_DIR": victim / ".git",
        "GIT_NAMESPACE": "other",
        "GIT_CEILING_DIRECTORIES": "/",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "nonsense",
        "GIT_CONFIG_PARAMETERS": "'core.bare=nonsense'",
        "GIT_TRACE": "1",
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_TEMPLATE_DIR": victim,
        "GIT_EXEC_PATH": "/no/such/folder",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_ATTR_SOURCE": "HEAD",
        "GIT_ALLOW_PROTOCOL": "none",
    }.items():
        monkeypatch.setenv(name, str(value))
    made = prepare(source(folder, commit))
    assert workspace.verify_tree(made)
    assert {p: p.read_bytes() for p in victim.rglob("*") if p.is_file()} == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_mirror_may_belong_to_somebody_else(folder: Path, commit: str) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, 65534, 65534)
    assert prepare(source(folder, commit)).commit == commit
    assert prepare(Source(url=GITHUB, commit=commit), mirror=str(folder.parents[1])).reused is False
