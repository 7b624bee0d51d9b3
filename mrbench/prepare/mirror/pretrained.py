"""The pretrained weights of a mirror: copied from a folder that has them, or fetched."""

import shutil
from collections.abc import Callable
from pathlib import Path

from mrbench.model.recipe import WeightsFile
from mrbench.prepare import weights
from mrbench.prepare.mirror.base import weights_folder


def add(
    folder: Path,
    item: WeightsFile,
    named: Path | None,
    mirror: str | None,
    say: Callable[[str], None],
) -> None:
    """Have one file of weights in the folder, checked; UnavailableError if it cannot be had.

    named: a folder that may have it. mirror: a made one is asked instead of the network.
    """
    if weights.problem(item, folder) is None:
        return
    say(f"weights {item.file}")
    there = named is not None and (named / item.file).is_file()
    used = weights.have(item, named if there else weights_folder(mirror), say)
    target = folder / item.file
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(used.path, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
