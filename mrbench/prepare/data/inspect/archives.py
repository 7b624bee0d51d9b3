"""COCO's archives: found by their names, compared with the published sizes and digests."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from mrbench.model.finding import Finding
from mrbench.prepare.data.inspect.facts import ARCHIVES, SETS, Archive
from mrbench.prepare.weights import file_digest
from mrbench.text import size_text


class Looked(NamedTuple):
    """An archive and its problem, if it has one."""

    name: str
    path: Path
    problem: str


def find(folders: Iterable[Path]) -> list[tuple[Archive, Path]]:
    """List the archives of COCO in these folders."""
    return [
        (archive, folder / archive.name)
        for folder in folders
        for archive in ARCHIVES.values()
        if (folder / archive.name).is_file()
    ]


def look(archive: Archive, path: Path) -> Looked:
    """Compare the size, then the digest, which takes long."""
    try:
        size_bytes = path.stat().st_size
        if archive.size_bytes not in (None, size_bytes):
            wrong = f"{size_bytes:,} bytes, the published one has {archive.size_bytes:,}"
            return Looked(archive.name, path, wrong)
        sum_ = file_digest(path, archive.algorithm)
    except OSError as exc:
        return Looked(archive.name, path, f"cannot be read ({exc.strerror})")
    if sum_ == archive.digest:
        return Looked(archive.name, path, "")
    published = f"{archive.algorithm} is {sum_}, the published one's is {archive.digest}"
    return Looked(archive.name, path, published)


def finding(looked: Looked) -> Finding | None:
    """Return the finding on an archive that has a problem."""
    if not looked.problem:
        return None
    remedy = f"get {ARCHIVES[looked.name].url} again, and unpack it"
    return Finding("archives", "failed", looked.problem, remedy, file=str(looked.path))


def holding(needs: Iterable[str]) -> list[str]:
    """Return the names of COCO's archives that have these paths of a data folder."""
    names = dict[str, None]()
    for need in needs:
        known = SETS.get(Path(need).stem.removeprefix("instances_"))
        name = known.archive if known and need.endswith(".json") else f"{need}.zip"
        if name in ARCHIVES:
            names[name] = None
    return list(names)


def remedy(names: Sequence[str], folder: Path, good: dict[str, Path]) -> str:
    """Return how to get the contents of these archives: unpack or download them."""
    steps = []
    if here := [str(good[name]) for name in names if name in good]:
        steps.append(f"unpack {', '.join(here)} in {folder}")
    if absent := [_source(ARCHIVES[name]) for name in names if name not in good]:
        steps.append(f"get {', '.join(absent)} and unpack in {folder}")
    if any(name.endswith(".tgz") for name in names):
        steps.append(f"the .json files of the .tgz belong in {folder / 'annotations'}")
    return "; ".join(steps)


def _source(archive: Archive) -> str:
    if archive.size_bytes is None:
        return archive.url
    return f"{archive.url} ({size_text(archive.size_bytes)})"
