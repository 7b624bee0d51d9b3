"""What a recipe changes in its checkout: patches and substitutions, exactly or not at all."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from mrbench.model.inputs import Source, Substitution
from mrbench.prepare import source as workspace
from upstreams import FILES, Git, diff, make_upstream, prepare, refused, source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "up"


@pytest.fixture
def upstream(folder: Path, git: Git) -> Source:
    return source(folder, make_upstream(folder, git))


def diff_of(folder: Path, git: Git, name: str, old: bytes, new: bytes) -> bytes:
    content = (folder / name).read_bytes()
    assert old in content
    return diff(folder, git, {name: content.replace(old, new)})


def test_patches_apply_in_order(upstream: Source, folder: Path, git: Git) -> None:
    first = diff_of(folder, git, "pkg/model.py", b"0.02", b"0.04")
    second = b"""--- a/pkg/model.py
+++ b/pkg/model.py
@@ -1,4 +1,5 @@
 import np
 lr = 0.04
+extra = 1
 steps = 90000
 print(lr, steps)
"""
    made = prepare(upstream, first, second)
    text = (made.path / "pkg" / "model.py").read_bytes()
    assert text == b"import np\nlr = 0.04\nextra = 1\nsteps = 90000\nprint(lr, steps)\n"
    (folder / "pkg" / "model.py").write_bytes(text)
    git(folder, "add", ".")
    assert made.tree == git(folder, "write-tree")
    assert made.base_tree == git(folder, "rev-parse", "HEAD^{tree}")
    assert workspace.verify_tree(made)
    assert "patch 0.patch does not apply" in refused(upstream, second)


def test_patches_may_add_remove_and_rename(upstream: Source, folder: Path, git: Git) -> None:
    git(folder, "mv", "README", "README.md")
    git(folder, "rm", "-q", "pkg/notes.txt")
    patch = diff(folder, git, {"new/file.py": b"x\n", "assets/big.bin": bytes(range(99))})
    made = prepare(upstream, patch)
    assert (made.path / "new" / "file.py").read_bytes() == b"x\n"
    assert (made.path / "assets" / "big.bin").read_bytes() == bytes(range(99))
    assert (made.path / "README.md").exists()
    assert not (made.path / "README").exists()
    assert not (made.path / "pkg" / "notes.txt").exists()
    assert workspace.verify_tree(made)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b" import np\n", b" import numpy\n", "pkg/model.py, hunk @@ -1,4 +1,4 @@"),
        (b" print(lr, steps)", b" print(lr,  steps)", "pkg/model.py, hunk @@ -1,4 +1,4 @@"),
        (b"pkg/model.py", b"pkg/gone.py", "pkg/gone.py: does not exist in index"),
        (b"@@ -1,4 +1,4 @@", b"@@ -1,9 +1,9 @@", "corrupt patch at line"),
        (b"diff", b"", "pkg/model.py"),
    ],
)
def test_a_patch_that_does_not_apply_names_file_and_hunk(
    upstream: Source, folder: Path, git: Git, old: bytes, new: bytes, said: str
) -> None:
    patch = diff_of(folder, git, "pkg/model.py", b"0.02", b"0.04")
    assert old in patch
    bad = patch.replace(old, new) if new else b"no patch at all, pkg/model.py\n"
    message = refused(upstream, bad)
    assert "patch 0.patch does not apply to file://" in message
    assert upstream.commit[:12] in message
    if new:
        assert said in message


def test_the_users_leniency_does_not_count(
    upstream: Source, folder: Path, git: Git, tmp_path: Path
) -> None:
    (tmp_path / "home" / ".gitconfig").write_text(
        "[apply]\nignoreWhitespace = change\nwhitespace = fix\n"
    )
    patch = diff_of(folder, git, "pkg/model.py", b"0.02", b"0.04   ")
    assert b"0.04   \n" in (prepare(upstream, patch).path / "pkg" / "model.py").read_bytes()
    spaced = patch.replace(b" print(lr, steps)", b" print(lr,   steps)")
    assert "hunk @@ -1,4 +1,4 @@" in refused(upstream, spaced)


ADD = """diff --git a/{name} b/{name}
new file mode {mode}
--- /dev/null
+++ b/{name}
@@ -0,0 +1 @@
+{text}
\\ No newline at end of file
"""


@pytest.mark.parametrize(
    ("name", "mode", "text"),
    [
        ("../outside", "100644", "x"),
        ("/tmp/outside", "100644", "x"),  # noqa: S108 - nothing may be written there
        (".git/hooks/post-checkout", "100755", "x"),
        ("pkg/.git/config", "100644", "x"),
        ("link", "120000", "/etc/passwd"),
        ("link", "120000", "../../outside"),
        ("pkg/link", "120000", "../.git/config"),
    ],
)
def test_a_patch_cannot_leave_the_checkout(
    upstream: Source, tmp_path: Path, name: str, mode: str, text: str
) -> None:
    refused(upstream, ADD.format(name=name, mode=mode, text=text).encode())
    assert not list(tmp_path.rglob("outside"))


def test_a_patch_cannot_write_through_a_link(upstream: Source, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    link = ADD.format(name="d", mode="120000", text=tmp_path / "victim").encode()
    through = ADD.format(name="d/outside", mode="100644", text="x").encode()
    assert "1.patch" in refused(upstream, link, through)
    refused(upstream, link + through)
    assert not list(tmp_path.rglob("outside"))


def test_links_that_lead_outside_together_are_refused(upstream: Source) -> None:
    links = (("d/e", ".."), ("f", "d/e/.."))  # each stays inside as it is written
    patch = "".join(ADD.format(name=n, mode="120000", text=t) for n, t in links)
    assert "make f a link to d/e/.., outside the checkout" in refused(upstream, patch.encode())


def test_a_link_within_the_checkout_may_be_patched_in(upstream: Source) -> None:
    made = prepare(upstream, ADD.format(name="pkg/link", mode="120000", text="../README").encode())
    assert (made.path / "pkg" / "link").read_bytes() == FILES["README"]


def change(text: str, replacement: str, files: str, expect: tuple[int, int]) -> Substitution:
    return Substitution(
        text=text,
        replacement=replacement,
        files=files,
        expect_files=expect[0],
        expect_lines=expect[1],
    )


@pytest.mark.parametrize(
    ("files", "expect"),
    [
        ("*.py", (2, 4)),
        ("*", (3, 5)),
        ("pkg", (3, 5)),
        ("pkg/deep/", (1, 2)),
        ("pkg/*.py", (2, 4)),
        ("pkg/model.py", (1, 2)),
        ("*.[pt]*", (3, 5)),
        ("model.py", (0, 0)),
    ],
)
def test_a_substitution_selects_as_git_does(
    upstream: Source, folder: Path, git: Git, files: str, expect: tuple[int, int]
) -> None:
    edit = change("lr", "rate", files, expect)
    made = prepare(source(folder, upstream.commit, substitutions=(edit,)))
    selected = git(folder, "ls-files", "--", files).splitlines()
    for name, content in FILES.items():
        new = content.replace(b"lr", b"rate") if name in selected else content
        assert (made.path / name).read_bytes() == new
    assert workspace.verify_tree(made)
    assert (made.tree == made.base_tree) == (expect == (0, 0))
    assert git(made.path, "diff") == ""


def test_substitutions_come_before_patches(upstream: Source, folder: Path, git: Git) -> None:
    first = change("lr", "rate", "*.py", (2, 4))
    second = change("rate = 0.02", "rate = $1\\1", "*.py", (1, 1))
    edited = source(folder, upstream.commit, substitutions=(first, second))
    text = FILES["pkg/model.py"].replace(b"lr", b"rate").replace(b"0.02", b"$1\\1")
    make_upstream(folder, git, {"pkg/model.py": text})
    patch = diff_of(folder, git, "pkg/model.py", b"90000", b"180000")
    made = prepare(edited, patch)
    assert (made.path / "pkg/model.py").read_bytes() == text.replace(b"90000", b"180000")


def test_a_wrong_count_is_refused(upstream: Source, folder: Path) -> None:
    for expect in [(2, 3), (1, 4), (0, 0), (3, 4)]:
        edit = change("lr", "rate", "*.py", expect)
        said = refused(source(folder, upstream.commit, substitutions=(edit,)))
        assert "found in 2 files, 4 lines" in said
        assert f"expects {expect[0]} files, {expect[1]} lines" in said


@pytest.mark.parametrize("text", ["", "a\nb"])
def test_a_text_that_is_no_line_is_refused(upstream: Source, folder: Path, text: str) -> None:
    edit = change(text, "x", "*", (1, 1))
    assert "within one line" in refused(source(folder, upstream.commit, substitutions=(edit,)))


def test_a_substitution_does_not_follow_links(folder: Path, tmp_path: Path, git: Git) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("lr\n")
    make_upstream(folder, git)
    (folder / "link.py").symlink_to(outside)
    commit = make_upstream(folder, git, {})
    edit = change("lr", "rate", "*.py", (2, 4))
    made = prepare(source(folder, commit, substitutions=(edit,)))
    assert outside.read_text() == "lr\n"
    assert (made.path / "link.py").is_symlink()


def test_an_empty_patch_is_told_as_such(upstream: Source) -> None:
    assert "is empty; put the change into it" in refused(upstream, b"\n")


@pytest.mark.parametrize("name", ["..", ".git", "GIT~1"])
def test_a_path_that_git_does_not_check_out_is_told(
    upstream: Source, folder: Path, git: Git, name: str
) -> None:
    blob = git(folder, "rev-parse", "HEAD:README")
    entry = f"100644 {name}".encode() + b"\0" + bytes.fromhex(blob)
    words = ("git", "-C", str(folder), "hash-object", "-t", "tree", "--literally", "-w", "--stdin")
    tree = subprocess.run(words, input=entry, capture_output=True, check=True).stdout.decode()
    commit = git(folder, "commit-tree", "-m", "odd", tree.strip())
    git(folder, "update-ref", "refs/heads/odd", commit)
    text = refused(msgspec.structs.replace(upstream, commit=commit, tree=None))
    assert f"holds {name!r}, which git does not check out; pin another one" in text
