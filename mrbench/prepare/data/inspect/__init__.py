"""`mrbench data check`: is a folder COCO, whole and sound? Every file is really read.

Archives, annotation files and images are read in parallel, then compared.
"""

import operator
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from mrbench.errors import UnavailableError
from mrbench.model.finding import Finding
from mrbench.prepare.data.inspect import archives, compare, pictures
from mrbench.prepare.data.inspect.annotations import Annotations, read_annotations
from mrbench.prepare.data.inspect.facts import SETS
from mrbench.prepare.data.inspect.pictures import Batch, OpenedPicture
from mrbench.prepare.data.synth import read_marker
from mrbench.prepare.data.workers import cores, parallel_map

AT_A_TIME = 64  # images, in one process
WORTH_PROCESSES = 400  # images

Job = Callable[[], archives.Looked | Annotations | Batch]
Tell = Callable[[int, int], None]


class Report(NamedTuple):
    """The findings, and how much was read; drawn: `data synth` made the folder."""

    folder: str
    years: list[str]
    drawn: bool
    findings: list[Finding]
    images: int
    annotation_files: int
    archives: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Nothing failed."""
        return all(finding.outcome == "note" for finding in self.findings)


def inspect_coco(folder: Path, archives_folder: Path | None, tell: Tell) -> Report:
    """Read everything; tell(images opened, images in all) on the way.

    archives_folder: where the downloaded archives are, besides the folder itself.
    UnavailableError if there is no such folder; whatever is wrong in it is a finding.
    """
    for place in (folder, archives_folder):
        if place is not None and not place.is_dir():
            raise UnavailableError("no such folder", "check the path", file=place)
    began = time.monotonic()
    places = [folder, *([archives_folder] if archives_folder else [])]
    archive_files = archives.find(places)
    files = {name: _files(folder / name) for name in sorted({s.images_in for s in SETS.values()})}
    paths = {name: compare.path_of(name, folder) for name in SETS}
    to_open = _to_open(files)

    jobs: list[Job] = [partial(archives.look, archive, path) for archive, path in archive_files]
    jobs += [partial(read_annotations, n, path) for n, path in paths.items() if path.is_file()]
    for name, chosen in to_open.items():
        for start in range(0, len(chosen), AT_A_TIME):
            jobs.append(partial(pictures.look, folder / name, chosen[start : start + AT_A_TIME]))
    total = sum(map(len, to_open.values()))
    looked, annotations, opened = _gather(jobs, total, there=bool(archive_files), tell=tell)

    contents = compare.Contents(
        folder=folder,
        years=_years(folder),
        drawn=read_marker(folder),
        good_archives={one.name: one.path for one in looked if not one.problem},
        files=files,
        annotations=annotations,
        opened={
            (place, name): opened[same] for (place, name), same in _same(files) if same in opened
        },
    )
    findings = [*filter(None, map(archives.finding, looked)), *compare.compare(contents)]
    if archives_folder and not any(path.parent == archives_folder for _, path in archive_files):
        text = f"{archives_folder} holds none of COCO's archives"
        findings.append(Finding("archives", "note", text, "check --archives"))
    return Report(
        folder=str(folder),
        years=contents.years,
        drawn=contents.drawn is not None,
        findings=[replace(finding, subject=str(folder)) for finding in findings],
        images=total,
        annotation_files=len(annotations),
        archives=len(archive_files),
        seconds=round(time.monotonic() - began, 1),
    )


def _gather(
    jobs: list[Job], total: int, *, there: bool, tell: Tell
) -> tuple[list[archives.Looked], dict[str, Annotations], dict[tuple[str, str], OpenedPicture]]:
    processes = cores() if there or total >= WORTH_PROCESSES else 1
    looked: list[archives.Looked] = []
    annotations: dict[str, Annotations] = {}
    opened: dict[tuple[str, str], OpenedPicture] = {}
    for result in parallel_map(operator.call, jobs, processes=processes):
        if isinstance(result, archives.Looked):
            looked.append(result)
        elif isinstance(result, Annotations):
            annotations[result.name] = result
        else:
            opened.update({(result.folder, one.name): one for one in result.opened})
            tell(len(opened), total)
    return looked, annotations, opened


def _files(folder: Path) -> dict[str, int] | None:
    """Return the JPEG files of a folder, by name, with their inode numbers; None: no folder."""
    try:
        with os.scandir(folder) as entries:
            return {
                e.name: e.inode() for e in entries if e.name.lower().endswith((".jpg", ".jpeg"))
            }
    except (FileNotFoundError, NotADirectoryError):
        return None


def _same(
    files: dict[str, dict[str, int] | None],
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Pair each image with the first of the same inode: both years may share their files."""
    first: dict[int, tuple[str, str]] = {}
    for place, inodes in files.items():
        for name, inode in (inodes or {}).items():
            yield (place, name), first.setdefault(inode, (place, name))


def _to_open(files: dict[str, dict[str, int] | None]) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for place, name in sorted({same for _, same in _same(files)}):
        chosen.setdefault(place, []).append(name)
    return chosen


def _years(folder: Path) -> list[str]:
    """Return the years that have any files."""
    return [
        year
        for year in compare.YEARS
        if any(
            (folder / facts.images_in).exists() or compare.path_of(name, folder).exists()
            for name, facts in SETS.items()
            if name.endswith(year)
        )
    ]
