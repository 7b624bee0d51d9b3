"""A recipe's drawn dataset in mrbench's home: drawn once, and anew where it was changed since.

Beside its folder stands a list of its files, with sizes and times, written once all is drawn.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec

from mrbench import files, locks
from mrbench.model.inputs import SyntheticData
from mrbench.model.places import order
from mrbench.prepare.data.converted import State, states, unlike


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """The list of what was drawn."""

    files: dict[str, State]


def folder(spec: SyntheticData) -> Path:
    """Return where that dataset stands, named by what decides its bytes."""
    text = json.dumps(order(spec), sort_keys=True)
    return files.home() / "data" / f"synthetic-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def changed(spec: SyntheticData) -> list[str]:
    """Return the files that are not as they were drawn; none where nothing is drawn yet.

    Others beside them may be: trainings leave their own caches there. Of a dataset without a list
    nobody can tell: that is the list, then.
    """
    place = folder(spec)
    if not place.is_dir():
        return []
    made = files.cached(_list_of(place), Drawn)
    if made is None:
        return [_list_of(place).name]
    return unlike(place, made.files)


def obtain(spec: SyntheticData, progress: Callable[[str], None]) -> None:
    """Draw the dataset, unless it is there as it was drawn."""
    place = folder(spec)
    files.mark_used(place)
    if place.is_dir() and not changed(spec):
        return
    from mrbench.prepare.data.synth import synthesize  # noqa: PLC0415 - Pillow is slow to import

    place.parent.mkdir(parents=True, exist_ok=True)
    with locks.hold(place.with_suffix(".lock"), f"the drawn data {place.name}", progress):
        if place.is_dir() and not changed(spec):
            return  # another process was faster
        what = f"{spec.images} images{' like COCO' if spec.like else ''}"
        damaged = place.is_dir()
        progress(f"drawing {what}{' anew, as the drawn data were changed' if damaged else ''}")
        synthesize(place, spec, anew=damaged)
        made = Drawn(files=dict(states(place, ())))
        files.write_whole(_list_of(place), msgspec.json.encode(made))


def _list_of(place: Path) -> Path:
    return place.with_suffix(".json")
