"""What a recipe changes in a checkout: literal substitutions, then patches, with no leniency."""

import fnmatch
import os
import re
from collections.abc import Iterable
from pathlib import Path

from mrbench.errors import WorkspaceError
from mrbench.model.recipe import Source, Substitution
from mrbench.prepare.source.git import GitError, git
from mrbench.prepare.source.tree import ABSENT, LINK, Tracked

FAILED = re.compile(r"patch failed: (?P<file>.+):(?P<line>\d+)$", re.MULTILINE)


def substitute(
    folder: Path, files: Iterable[Tracked], change: Substitution, source: Source
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
    found: dict[Path, bytes] = {}
    lines = 0
    for file in files:
        if file.size == ABSENT or file.mode == LINK or not _selected(file.path, change.files):
            continue
        path = folder / file.path
        content = path.read_bytes()
        if text in content:
            found[path] = content
            lines += sum(text in line for line in content.split(b"\n"))
    if (len(found), lines) != (change.expect_files, change.expect_lines):
        raise WorkspaceError(
            f"substitution of {change.text!r} in {change.files}: found in {len(found)} files,"
            f" {lines} lines; the recipe expects {change.expect_files} files, {change.expect_lines}"
            f" lines of {source.url} at {source.commit[:12]}",
            "look there and correct the recipe",
        )
    for path, content in found.items():
        path.write_bytes(content.replace(text, replacement))


def _selected(path: str, pattern: str) -> bool:
    inside = path.startswith(f"{pattern.rstrip('/')}/")
    return inside or fnmatch.fnmatchcase(path, pattern)


def apply(folder: Path, name: str, patch: bytes, source: Source, lock: int) -> None:
    """Apply a patch to index and files: every context line must be there, byte for byte."""
    try:
        git(
            *(folder / ".git", "apply", "--index", "--whitespace=nowarn", "-"),
            tree=folder,
            stdin=patch,
            lock=lock,
        )
    except GitError as exc:
        raise WorkspaceError(
            f"patch {name} does not apply to {source.url} at {source.commit[:12]}:"
            f" {_where(exc.stderr, patch)}",
            "make it anew against that commit",
        ) from exc


def _where(stderr: str, patch: bytes) -> str:
    """Tell file and hunk where git names them, else all that git complains of."""
    hunks = [
        f"{found['file']}, hunk {_headline(found['line'], patch)}"
        for found in FAILED.finditer(stderr)
    ]
    said = dict.fromkeys(line.removeprefix("error: ") for line in stderr.strip().splitlines())
    return "; ".join(hunks or said)[:500]


def _headline(line: str, patch: bytes) -> str:
    found = re.search(rf"^@@ -{line}(?:,\d+)? \+\d+(?:,\d+)? @@".encode(), patch, re.MULTILINE)
    return found.group().decode() if found else f"at line {line}"


def check_links(folder: Path, before: Iterable[Tracked], after: Iterable[Tracked]) -> None:
    """Refuse a symbolic link that was patched in and leads out of the checkout."""
    known = {(file.path, file.oid) for file in before if file.mode == LINK}
    for file in after:
        if file.mode != LINK or file.size == ABSENT or (file.path, file.oid) in known:
            continue
        target = (folder / file.path).readlink()
        place = Path(os.path.normpath(folder / Path(file.path).parent / target))
        if target.is_absolute() or not place.is_relative_to(folder) or ".git" in target.parts:
            raise WorkspaceError(
                f"the patches make {file.path} a link to {target}, outside the checkout",
                "remove it",
            )
