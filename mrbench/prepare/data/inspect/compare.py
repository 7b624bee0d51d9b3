"""Compare a dataset with the published facts, and its parts with one another."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from mrbench.model.finding import Finding
from mrbench.model.places import drawing
from mrbench.prepare.data.inspect import archives
from mrbench.prepare.data.inspect.annotations import Annotations, Listed
from mrbench.prepare.data.inspect.facts import SAME_IMAGES, SETS
from mrbench.prepare.data.inspect.pictures import OpenedPicture
from mrbench.prepare.data.synth import MARKER, Drawn, counts

YEARS = ("2017", "2014")


class Contents(NamedTuple):
    """Everything read from a folder; drawn: its marker, None for COCO itself.

    files: JPEG files by folder, None where it does not exist. opened: by folder and name.
    """

    folder: Path
    years: list[str]
    drawn: Drawn | None
    good_archives: dict[str, Path]
    files: dict[str, dict[str, int] | None]
    annotations: dict[str, Annotations]
    opened: dict[tuple[str, str], OpenedPicture]


def path_of(name: str, folder: Path) -> Path:
    """Return where a set's annotation file is."""
    return folder / "annotations" / f"instances_{name}.json"


def compare(contents: Contents) -> Iterator[Finding]:
    """Yield all findings, the most serious kind first."""
    yield from _years(contents)
    for name in _sets(contents):
        yield from _annotations(contents, name)
    for place in dict.fromkeys(SETS[name].images_in for name in _sets(contents)):
        yield from _images(contents, place)
    for name, parts in SAME_IMAGES:
        sets = [contents.annotations.get(part) for part in (name, *parts)]
        filled = [listed for listed in sets if listed and listed.images]
        if len(filled) == len(sets) and _numbers(filled[1:]) != _numbers(filled[:1]):
            text = f"{name} does not list the images of {' and '.join(parts)}, as COCO does"
            yield Finding("images", "failed", text, _remedy(contents, SETS[name].archive))
    drawn = contents.drawn
    if drawn is not None and drawn.drawing != drawing(drawn.like):
        text = "another version of mrbench drew it; today's differs"
        marker = str(contents.folder / MARKER)
        yield Finding("drawing", "note", text, _remedy(contents), file=marker)


def _sets(contents: Contents) -> list[str]:
    return [name for name in SETS if name[-4:] in contents.years]


def _remedy(contents: Contents, *names: str) -> str:
    """Return how to repair the contents of these archives."""
    if contents.drawn is None:
        return archives.remedy(names, contents.folder, contents.good_archives)
    d = contents.drawn
    kind = f"--like {d.like}" if d.like else f"--size {d.width}x{d.height}"
    order = f"--images {d.images} {kind} --seed {d.seed}"
    return f"remove it and draw it again: mrbench data synth {contents.folder} {order}"


def _years(contents: Contents) -> Iterator[Finding]:
    for year in YEARS:
        if year in contents.years:
            continue
        if contents.drawn is not None:
            yield Finding("years", "failed", f"nothing of {year}", _remedy(contents))
            continue
        sets = [one for name, one in SETS.items() if name.endswith(year)]
        pictures, listings = [f"{one.images_in}.zip" for one in sets], [s.archive for s in sets]
        remedy = _remedy(contents, *dict.fromkeys(pictures + listings))
        if contents.years:
            text = f"no COCO {year}; recipes that ask for it cannot run"
            yield Finding("years", "note", text, remedy)
        else:
            yield Finding("years", "failed", f"no COCO {year}", remedy)


def _annotations(contents: Contents, name: str) -> Iterator[Finding]:
    """Judge one annotation file: there, readable, of the right length."""
    facts, path = SETS[name], path_of(name, contents.folder)
    remedy = _remedy(contents, facts.archive)
    if name not in contents.annotations:
        needed = facts.needed or contents.drawn is not None
        yield _missing("annotations", path, remedy, needed=needed)
        return
    read = contents.annotations[name]
    for problem in read.problems:
        yield Finding("annotations", "failed", problem, remedy, file=str(path))
    if not read.images:
        return
    expected = facts.images if contents.drawn is None else counts(contents.drawn.images)[name]
    if len(read.images) != expected:
        whose = "COCO's" if contents.drawn is None else "as drawn it"
        text = f"lists {len(read.images):,} images, {whose} has {expected:,}"
        yield Finding("annotations", "failed", text, remedy, file=str(path))
    if contents.drawn is None and facts.annotations not in (None, read.annotations):
        text = f"has {read.annotations:,} annotations, COCO's has {facts.annotations:,}"
        yield Finding("annotations", "failed", text, remedy, file=str(path))


def _images(contents: Contents, place: str) -> Iterator[Finding]:
    """Judge one folder of images by the annotation files that name its images."""
    names = [name for name in _sets(contents) if SETS[name].images_in == place]
    folder, present = contents.folder / place, contents.files[place]
    remedy = _remedy(contents, f"{place}.zip")
    if present is None:
        needed = contents.drawn is not None or any(SETS[name].needed for name in names)
        yield _missing("images", folder, remedy, needed=needed)
        return
    listed: dict[str, Listed] = {}
    for name in names:
        listed |= contents.annotations[name].images if name in contents.annotations else {}
    absent = sorted(listed.keys() - present.keys())
    if absent:
        text = f"{len(absent):,} of {len(listed):,} images are missing{_first(absent)}"
        yield Finding("images", "failed", text, remedy, file=str(folder))
    wrong: dict[str, list[str]] = {}
    for name in sorted(present.keys() & (listed.keys() or present.keys())):
        opened = contents.opened[place, name]
        size = (opened.width, opened.height)
        if opened.problem:
            wrong.setdefault("do not open", []).append(f"{name} {opened.problem}")
        elif listed and size != listed[name][1:]:
            case = f"{name} is {size[0]}x{size[1]}"
            wrong.setdefault("have another size than their annotation file says", []).append(case)
    for what, which in wrong.items():
        text = f"{len(which):,} images {what}{_first(which)}"
        yield Finding("images", "failed", text, remedy, file=str(folder))
    complete = all(name in contents.annotations for name in names)
    extra = sorted(present.keys() - listed.keys()) if complete else []
    if listed and extra:
        text = f"{len(extra):,} images that no annotation file names{_first(extra)}"
        remedy = "nothing reads them; remove them if they are not yours"
        yield Finding("images", "note", text, remedy, file=str(folder))


def _missing(topic: str, path: Path, remedy: str, *, needed: bool) -> Finding:
    if needed:
        return Finding(topic, "failed", f"{path} is missing", remedy)
    return Finding(topic, "note", f"{path} is missing; no training reads it", remedy)


def _first(names: list[str]) -> str:
    return f" (the first: {names[0]})"


def _numbers(read: Iterable[Annotations]) -> set[int]:
    return {image.number for one in read for image in one.images.values()}
