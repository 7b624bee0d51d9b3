"""A dataset in an implementation's own format: converted once, named by all that decides it.

home/converted/DIGEST/ has the folder that the steps wrote to, under a name of its own each time,
and complete.json, written last: what was killed half way is not found, and is removed by the next
that makes it. The name is new each time since a killed mrbench's step may still write to the old.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from mrbench import files, locks
from mrbench.errors import LaunchError
from mrbench.model.dataset import Converted
from mrbench.model.job import ConvertedData
from mrbench.prepare.removal import remove_tree

DONE = "complete.json"
Progress = Callable[[str], None]


class State(msgspec.Struct, frozen=True, array_like=True):
    """What a file is known by: size in bytes, time of its last change in nanoseconds."""

    size_bytes: int
    changed_ns: int


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """complete.json: the folder that was made, its files, and how long it took."""

    folder: str
    files: dict[str, State]
    seconds: float


def obtain(
    wanted: Converted,
    data: Path | None,
    needs: Iterable[str],
    *,
    decided_by: tuple[str, ...],
    convert: Callable[[Sequence[str], Path, Path], None],
    progress: Progress,
) -> ConvertedData:
    """Convert the data, or find them converted.

    needs: the files and folders of the data that count; none: all. decided_by: what else decides
    the result, as the source's tree and the environment. convert: carries out one step; gets the
    folder to write to and a log as well. LaunchError where it makes less than the recipe says.
    """
    digest = _digest(wanted, data, needs, decided_by)
    place = files.home() / "converted" / digest[:16]
    files.mark_used(place)
    found = _lookup(place, digest)
    if found:
        return found
    place.parent.mkdir(parents=True, exist_ok=True)
    with locks.hold(place.with_suffix(".lock"), f"the converted data {place.name}", progress):
        found = _lookup(place, digest)  # another process may have made it meanwhile
        if found:
            return found
        remove_tree(place)
        began = time.monotonic()
        folder = place / f"data-{os.urandom(4).hex()}"
        folder.mkdir(parents=True)
        try:
            for command in wanted.steps:
                convert(command, folder, place.with_suffix(".log"))
            _require(wanted, folder, place.with_suffix(".log"))
        except BaseException:
            remove_tree(place)
            raise
        made = Complete(
            folder=folder.name,
            files=dict(states(folder, ())),
            seconds=round(time.monotonic() - began, 1),
        )
        files.write_whole(place / DONE, msgspec.json.encode(made))
    return _described(place, digest, made, reused=False)


def _require(wanted: Converted, folder: Path, log: Path) -> None:
    absent = [name for name in wanted.makes if not (folder / name).exists()]
    if absent:
        text = f"data: the steps of data.converted made no {', '.join(absent)}"
        raise LaunchError(text, f"the output is in {log}")


def _digest(
    wanted: Converted, data: Path | None, needs: Iterable[str], decided_by: tuple[str, ...]
) -> str:
    """Name the result after the steps, what else decides it, and path, size and time of the data.

    What was converted may name the data by their path, so the path counts.
    """
    inputs = {
        "steps": wanted.steps,
        "makes": wanted.makes,
        "decided_by": decided_by,
        "data": str(data),
        "files": sorted((n, s.size_bytes, s.changed_ns) for n, s in states(data, needs)),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def states(folder: Path | None, needs: Iterable[str]) -> Iterator[tuple[str, State]]:
    """Yield the files of a folder, by their path in it, or of these files and folders in it.

    Links are followed: a dataset's folders often lie on other disks. Each folder counts once.
    """
    if folder is None:
        return
    waiting = [folder / name for name in needs] or [folder]
    seen = set[tuple[int, int]]()
    while waiting:
        path = waiting.pop()
        try:
            status = path.stat()
        except FileNotFoundError:  # a link to nothing
            continue
        if not path.is_dir():
            name = str(path.relative_to(folder))
            yield name, State(status.st_size, status.st_mtime_ns)
        elif (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            waiting += path.iterdir()


def unlike(folder: Path, made: Mapping[str, State]) -> list[str]:
    """Return which files of a folder are not as they were made; others beside them may be."""
    now = dict(states(folder, ()))
    return [name for name, state in made.items() if now.get(name) != state]


def _lookup(place: Path, digest: str) -> ConvertedData | None:
    """Return what was converted if all its files are as they were made; others beside them may be.

    Trainings leave their own caches there.
    """
    made = files.cached(place / DONE, Complete)
    if made is None or unlike(place / made.folder, made.files):
        return None
    return _described(place, digest, made, reused=True)


def changed(recorded: ConvertedData) -> list[str] | None:
    """Return the files that were changed since they were made; None where all is gone."""
    place = recorded.path.parent
    made = files.cached(place / DONE, Complete)
    if made is None or place / made.folder != recorded.path:
        return None
    return unlike(recorded.path, made.files)


def _described(place: Path, digest: str, made: Complete, *, reused: bool) -> ConvertedData:
    return ConvertedData(
        path=place / made.folder,
        digest=digest,
        reused=reused,
        made_in_s=made.seconds,
        files=len(made.files),
        size_bytes=sum(state.size_bytes for state in made.files.values()),
    )
