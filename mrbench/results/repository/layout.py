"""How a results repository is laid out: runs/SUITE/HARDWARE/IMPLEMENTATION/DATE-DIGEST.tar.gz."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mrbench.errors import MrbenchError
from mrbench.model.record import RunRecord
from mrbench.prepare.source import here

RUNS, REGISTRATIONS, SIGNERS = "runs", "registrations", "allowed_signers"
ARCHIVE = ".tar.gz"
LEFT_OUT = ("source", "ledger", "signature")  # of verify: what needs this machine, or more files
PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
NAME = re.compile(rf"{RUNS}/(?:{PART}/){{3}}{PART}\.tar\.gz(?:\.intoto\.json(?:\.sig)?)?")
BRANDS = re.compile(r"\((R|TM)\)|\b(CPU|Processor)\b|@.*", re.IGNORECASE)  # of a CPU's name


def top_of(root: Path) -> Path:
    """Return the top of the git repository that a results repository is in, or is."""
    top = here.top_of(root)
    if top is None or not (root / SIGNERS).exists():
        remedy = "name another folder; `mrbench results init` makes one"
        raise MrbenchError("is no results repository", remedy, file=root)
    return top


def walk(root: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the archives, sorted, and what has no place among them, with the reason.

    All by their names from the repository's folder, with slashes.
    """
    names, strays, top = set[str](), dict[str, str](), root / RUNS
    for path in [top] if top.is_symlink() else top.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not path.is_symlink() and NAME.fullmatch(name):
            names.add(name)
        elif path.is_symlink() or not path.is_dir():
            strays[name] = f"is no file {RUNS}/SUITE/HARDWARE/IMPLEMENTATION/NAME{ARCHIVE}"
    for name in names:
        of, mark, _ = name.rpartition(ARCHIVE)
        if of + mark not in names:
            strays[name] = "lies there without its archive"
    return [name for name in sorted(names) if name.endswith(ARCHIVE)], strays


def place(record: RunRecord, sha256: str = "none") -> str:
    """Return where the archive of a run lies, from the repository's folder.

    The same run has the same place, however often it is packed. sha256: of a record's file, for
    one that is not packed yet and of a format before digests.
    """
    packed = record.packed
    digest = (packed.record.digest or packed.record.sha256) if packed else record.digest or sha256
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
