"""Patches: each must be git's own format, whole, and say which bytes it changes."""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mrbench.checks.recipes.base import Subject
from mrbench.model.finding import Finding
from mrbench.prepare.source.git import GitError, git, meaningful
from mrbench.text import counted

NAME = "patches"
HEADS = re.compile(rb"^diff --git ", re.MULTILINE)
BLOBS = re.compile(rb"^index ([0-9a-f]+)\.\.([0-9a-f]+)", re.MULTILINE)
AT_LINE = re.compile(r"(?:at|on) line (\d+)|<stdin>:(\d+)|patch at line (\d+)")
HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
SIGNATURE = b"-- "  # git format-patch writes its version behind it
FULL = 40
REMEDY = "make it again: git diff --cached --full-index > FILE"


def check_patches(subject: Subject) -> Iterator[Finding]:
    """Parse each patch with git, as applying it does, and tell its digest."""
    if not subject.file.patches:
        count = len(subject.file.recipe.source.substitutions)
        yield subject.ok(NAME, f"none, {counted(count, 'substitution')}" if count else "none")
    for name, raw in subject.file.patches:
        try:
            added, removed, paths = _parsed(raw)
        except GitError as exc:
            line = AT_LINE.search(exc.stderr)
            error = meaningful(exc.stderr).removeprefix("error: ")
            number = next((int(n) for n in line.groups() if n), None) if line else None
            yield _wrong(subject, name, f"git cannot parse it ({error})", number)
            continue
        problem = _problem(raw, paths)
        if problem:
            yield _wrong(subject, name, *problem)
            continue
        digest = hashlib.sha256(raw).hexdigest()[:12]
        changes = f"{counted(len(paths), 'file')}, +{added} -{removed}"
        text = f"{name}: {changes}, sha256 {digest}"
        yield subject.ok(NAME, text, added_lines=added, removed_lines=removed)


def _parsed(raw: bytes) -> tuple[int, int, list[str]]:
    """Return lines added and removed, and the paths; GitError if it is no patch to git."""
    with tempfile.TemporaryDirectory() as folder:
        counts = git(Path(folder) / "no-repository", "apply", "--numstat", "-z", "-", stdin=raw)
    rows = [row.split("\t", 2) for row in counts.decode(errors="replace").split("\0")[:-1]]
    added = sum(int(row[0]) for row in rows if row[0].isdecimal())
    removed = sum(int(row[1]) for row in rows if row[1].isdecimal())
    return added, removed, [row[2] for row in rows]


def _problem(raw: bytes, paths: list[str]) -> tuple[str, int | None] | None:
    """Say what is not as git writes it, and in which line; None if nothing is."""
    if len(HEADS.findall(raw)) != len(paths):
        return "is not in git's format (no `diff --git` line for each file)", 1
    ends = _ends(raw)
    if ends is not None:
        return "has lines behind its end, which git passes over", ends
    short = next((m for m in BLOBS.finditer(raw) if min(map(len, m.groups())) < FULL), None)
    if short:
        return "names its blobs by short ids", raw.count(b"\n", 0, short.start()) + 1
    for path in paths:
        parts = PurePosixPath(path).parts
        if path.startswith("/") or ".." in parts or ".git" in parts:
            return f"changes {path}, which lies outside the source", 1
    return None


def _ends(raw: bytes) -> int | None:
    """Return the first line right behind a hunk that looks like more of it, or None."""
    before = after = 0
    inside = False
    for number, text in enumerate(raw.split(b"\n"), start=1):
        hunk = HUNK.match(text)
        if hunk:
            before, after = (1 if n is None else int(n) for n in hunk.groups())
            inside = True
        elif before > 0 or after > 0:
            before -= text[:1] in (b" ", b"-", b"")
            after -= text[:1] in (b" ", b"+", b"")
        elif inside and text[:1] in (b"+", b"-", b" ") and text != SIGNATURE:
            return number
        else:
            inside = inside and text.startswith(b"\\")  # "\ No newline at end of file"
    return None


def _wrong(subject: Subject, name: str, text: str, line: int | None) -> Finding:
    folder = subject.base / "patches" if subject.base else Path(subject.place.file).parent
    return subject.in_file(NAME, f"{name}: {text}", REMEDY, folder / name, line)
