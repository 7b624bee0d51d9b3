"""How a results repository is laid out: runs/SUITE/HARDWARE/IMPLEMENTATION/DATE-DIGEST.tar.gz."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mrbench.model.finding import Finding
from mrbench.model.record import RunRecord

RUNS, REGISTRATIONS, SIGNERS = "runs", "registrations", "allowed_signers"
ARCHIVE, STATEMENT, SIGNATURE = ".tar.gz", ".tar.gz.intoto.json", ".tar.gz.intoto.json.sig"
PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
NAME = re.compile(rf"{RUNS}/(?:{PART}/){{3}}{PART}(?:\.tar\.gz(?:\.intoto\.json(?:\.sig)?)?)")
BRANDS = re.compile(r"\((R|TM)\)|\b(CPU|Processor)\b|@.*", re.IGNORECASE)  # of a CPU's name


class Entry(NamedTuple):
    """An archive of a results repository.

    path: from the repository's folder, with slashes. signed: whether a statement and its signature
    lie beside it.
    """

    path: str
    archive: Path
    signed: bool


def entries(root: Path) -> Sequence[Entry]:
    """Return the archives of a results repository, sorted by their paths; no links."""
    names = {name for name, finding in _names(root) if finding is None}
    return [
        Entry(name, root / name, f"{stem}{STATEMENT}" in names and f"{stem}{SIGNATURE}" in names)
        for name in sorted(names)
        if name.endswith(ARCHIVE)
        for stem in (name.removesuffix(ARCHIVE),)
    ]


def strays(root: Path) -> Iterator[Finding]:
    """Yield a failure for each thing among the runs that has no place there."""
    names = set[str]()
    for name, finding in _names(root):
        names.add(name)
        if finding:
            yield finding
    for name in sorted(names):
        for suffix, before in ((SIGNATURE, STATEMENT), (STATEMENT, ARCHIVE)):
            if name.endswith(suffix) and name.removesuffix(suffix) + before not in names:
                yield _stray(root, name, f"belongs to {before}, which is not there", "remove it")
        if name.endswith(STATEMENT) and f"{name}.sig" not in names:
            yield _stray(root, name, "has no signature", "`mrbench sign` makes both")


def _names(root: Path) -> Iterator[tuple[str, Finding | None]]:
    """Yield all files and links among the runs, with what is wrong about them."""
    if (root / RUNS).is_symlink():
        yield RUNS, _stray(root, RUNS, "is a link", "put the files there themselves")
        return
    for folder, folders, files in os.walk(root / RUNS):
        for name in (*folders, *files):
            path = Path(folder) / name
            inside = path.relative_to(root).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                yield inside, _stray(root, inside, "is no plain file", "put the file there itself")
            elif name in files and not NAME.fullmatch(inside):
                text = f"is not called {RUNS}/SUITE/HARDWARE/IMPLEMENTATION/NAME{ARCHIVE}"
                yield inside, _stray(root, inside, text, "`mrbench results add` finds the place")
            elif name in files:
                yield inside, None


def _stray(root: Path, name: str, text: str, remedy: str) -> Finding:
    return Finding("layout", "failed", text, remedy, subject=name, file=str(root / name))


def place(record: RunRecord) -> str:
    """Return where the archive of a run lies, from the repository's folder.

    The same run has the same place, however often it is packed.
    """
    packed = record.packed
    digest = (packed.record.digest or packed.record.sha256 if packed else record.digest) or "none"
    parts = record.plan.suite, hardware(record), record.plan.implementation
    date = re.sub(r"[-:]|\.\d+", "", record.started)
    return "/".join([RUNS, *map(_slug, parts), f"{_slug(date)}-{_slug(digest[:12])}{ARCHIVE}"])


def hardware(record: RunRecord) -> str:
    """Return what trained, in a short name: `8x-tesla-v100-sxm2-16gb`, `cpu-amd-epyc-x2`."""
    machine = record.machine
    if record.plan.accelerator == "cpu":
        cpu = BRANDS.sub(" ", (machine and machine.cpu) or "unknown")
        return _slug(f"cpu {cpu} x{(machine and machine.cpus_usable) or 1}".lower())
    names = {str(gpu.name) for each in record.machines for gpu in each.gpus} or {"unknown"}
    return _slug(f"{record.plan.gpus}x {' '.join(sorted(names))}".lower())


def _slug(text: str) -> str:
    """Return a text as a part of a path: strangers' records may hold any."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-._")[:60].strip("-._") or "unknown"
