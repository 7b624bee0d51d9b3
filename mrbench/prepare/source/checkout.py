"""Make a patched checkout: complete, verified and recorded, or absent. Patches must fit exactly."""

import fnmatch
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from mrbench.errors import WorkspaceError
from mrbench.files import real_path, write_whole
from mrbench.model.inputs import Patches, Source, Substitution
from mrbench.model.job import Workspace
from mrbench.prepare.source import address, store, tree
from mrbench.prepare.source.git import GitError, git, objects

# Bytes as they are in the repository, whatever its .gitattributes or the user's want converted.
ATTRIBUTES = "* -text -eol -ident -filter -working-tree-encoding\n"


def make(
    source: Source, patches: Patches, mirror: str | None, on_progress: Callable[[str], None]
) -> Workspace:
    """Make the checkout, unless another process made it meanwhile."""
    bare = address.store_path(source.upstream)
    try:
        with store.locked(bare, on_progress) as lock:
            existing = tree.untouched(source, patches)
            return existing or _make(source, patches, mirror, on_progress, lock)
    except GitError as exc:
        full = store.NO_SPACE.search(exc.stderr)
        if full:
            raise store.no_room(full.group()) from exc
        raise WorkspaceError(str(exc), f"remove {bare} and run again") from exc
    except OSError as exc:
        raise store.no_room(f"{exc.strerror} ({exc.filename or bare})") from exc


def _make(
    source: Source,
    patches: Patches,
    mirror: str | None,
    say: Callable[[str], None],
    lock: int,
) -> Workspace:
    path = tree.checkout_path(source, patches)
    # One place per upstream, under its lock: whatever is there was left by a process that died.
    making = path.parent / f".making-{sha256(source.upstream.encode()).hexdigest()[:12]}"
    old = making.with_suffix(".old")
    for left in (making, old):
        shutil.rmtree(left, ignore_errors=True)
    making.mkdir(parents=True)
    bare = address.store_path(source.upstream)
    before = store.size_bytes(bare)
    try:
        store.ensure(bare, source, mirror, say, lock)
        fetched = store.size_bytes(bare) - before
        say(f"checking out {tree.repository_name(source.upstream)} at {source.revision[:12]}")
        record = _check_out(making, bare, store.with_commit(bare, source), patches, lock)
        tree.expect(source, record.tree)
        if path.exists():
            path.rename(old)
        write_whole(tree.record_path(path), json.dumps(record).encode())
        making.rename(path)
    finally:
        for left in (making, old):
            shutil.rmtree(left, ignore_errors=True)
    return tree.as_workspace(path, record, fetched, reused=False)


def _check_out(
    folder: Path, bare: Path, source: Source, patches: Patches, lock: int
) -> tree.Record:
    """Fill `folder`: a repository of its own that borrows the store's objects and adds its own."""
    inner = folder / ".git"

    def run(*words: str) -> bytes:
        return git(inner, *words, tree=folder, lock=lock)

    def listing() -> tuple[tree.Tracked, ...]:
        return tree.tracked(folder, run("ls-files", "-s", "-t", "-z"))

    run("init", "--quiet", "--template=")
    (inner / "info").mkdir()
    (inner / "info" / "attributes").write_text(ATTRIBUTES)
    (inner / "objects" / "info" / "alternates").write_text(f"{bare / 'objects'}\n")
    (inner / "HEAD").write_text(f"{source.commit}\n")
    if (bare / "shallow").exists():
        shutil.copyfile(bare / "shallow", inner / "shallow")
    if source.paths:
        patterns = "".join(f"/{path.strip('/')}\n" for path in source.paths)
        (inner / "info" / "sparse-checkout").write_text(patterns)
        with (inner / "config").open("a") as config:
            config.write("[core]\n\tsparseCheckout = true\n")
    run("read-tree", "-m", "-u", "HEAD")
    with objects(inner) as repository:
        base_tree = repository.commit(source.commit).tree.hexsha
    before = after = listing()
    for change in source.substitutions:
        _substitute(folder, before, change, source)
    if source.substitutions:
        run("add", "--update")
    for name, content in patches:
        _apply(folder, name, content, source, lock)
    if patches or source.substitutions:
        after = listing()
    _check_links(folder, before, after)
    record = tree.Record(
        source.commit, run("write-tree", "--missing-ok").decode().strip(), base_tree, after
    )
    if not tree.intact(folder, record):
        text = f"the files do not come out as {record.tree} says"
        remedy = "set MRBENCH_HOME to a folder on an ordinary file system"
        raise WorkspaceError(text, remedy, file=folder)
    return record


FAILED = re.compile(r"patch failed: (?P<file>.+):(?P<line>\d+)$", re.MULTILINE)


def _substitute(
    folder: Path, files: Iterable[tree.Tracked], change: Substitution, source: Source
) -> None:
    """Replace a text in the tracked files that the pattern selects, if it is where it should be.

    The pattern is git's: * crosses folders, a folder's name stands for all in it.
    """
    text, replacement = change.text.encode(), change.replacement.encode()
    if not text or b"\n" in text or change.files.startswith((":", "/")):
        raise WorkspaceError(
            f"substitution of {change.text!r} in {change.files!r}: give a text within one line, and"
            " a pattern such as *.py"
        )
    matches: dict[Path, bytes] = {}
    lines = 0
    for file in files:
        if (
            file.size == tree.ABSENT
            or file.mode == tree.LINK
            or not _selected(file.path, change.files)
        ):
            continue
        path = folder / file.path
        content = path.read_bytes()
        if text in content:
            matches[path] = content
            lines += sum(text in line for line in content.split(b"\n"))
    if (len(matches), lines) != (change.expect_files, change.expect_lines):
        raise WorkspaceError(
            f"substitution of {change.text!r} in {change.files}: found in {len(matches)} files,"
            f" {lines} lines; the recipe expects {change.expect_files} files, {change.expect_lines}"
            f" lines of {source.upstream} at {source.revision[:12]}",
            "look there and correct the recipe",
        )
    for path, content in matches.items():
        path.write_bytes(content.replace(text, replacement))


def _selected(path: str, pattern: str) -> bool:
    inside = path.startswith(f"{pattern.rstrip('/')}/")
    return inside or fnmatch.fnmatchcase(path, pattern)


def _apply(folder: Path, name: str, patch: bytes, source: Source, lock: int) -> None:
    """Apply a patch to index and files: every context line must be there, byte for byte."""
    if not patch.strip():
        raise WorkspaceError(f"patch {name} is empty", "put the change into it, or leave it out")
    try:
        git(
            *(folder / ".git", "apply", "--index", "--whitespace=nowarn", "-"),
            tree=folder,
            stdin=patch,
            lock=lock,
        )
    except GitError as exc:
        raise WorkspaceError(
            f"patch {name} does not apply to {source.upstream} at {source.revision[:12]}:"
            f" {_where(exc.stderr, patch)}",
            "make it again against that commit",
        ) from exc


def _where(stderr: str, patch: bytes) -> str:
    """Return file and hunk if git names them, else all messages of git."""
    hunks = [
        f"{match['file']}, hunk {_headline(match['line'], patch)}"
        for match in FAILED.finditer(stderr)
    ]
    messages = dict.fromkeys(line.removeprefix("error: ") for line in stderr.strip().splitlines())
    return "; ".join(hunks or messages)[:500]


def _headline(line: str, patch: bytes) -> str:
    match = re.search(rf"^@@ -{line}(?:,\d+)? \+\d+(?:,\d+)? @@".encode(), patch, re.MULTILINE)
    return match.group().decode() if match else f"at line {line}"


def _check_links(
    folder: Path, before: Iterable[tree.Tracked], after: Iterable[tree.Tracked]
) -> None:
    """Refuse a symbolic link that leads out of the checkout by what was patched in.

    Upstream's own may lead anywhere, unless the patches turn one of the links on its way.
    """
    known = {(file.path, file.oid) for file in before if file.mode == tree.LINK}
    links = [file for file in after if file.mode == tree.LINK and file.size != tree.ABSENT]
    if all((file.path, file.oid) in known for file in links):
        return
    for file in links:
        target = (folder / file.path).readlink()
        place = Path(os.path.normpath(folder / Path(file.path).parent / target))
        inside = not target.is_absolute() and place.is_relative_to(folder)
        if not inside and (file.path, file.oid) in known:
            continue
        real = Path(os.path.realpath(folder / file.path))  # through other links
        inside &= real.is_relative_to(real_path(folder))
        if not inside or ".git" in (*target.parts, *real.parts):
            text = f"the patches make {file.path} a link to {target}, outside the checkout"
            raise WorkspaceError(text, "remove it")
