"""Opens images: whole JPEG files that can be decoded, with the size that they really have.

Bytes that changed within the picture's data go unnoticed where the decoder gets over them.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from mrbench.files import read_regular

START, END = b"\xff\xd8", b"\xff\xd9"
MOST_BYTES = 256 << 20
TAIL_BYTES = 4096  # some writers put other things behind the end
EIGHTH = 8  # the decoder reads every coefficient, but makes only one pixel of 8 by 8


class OpenedPicture(NamedTuple):
    """One image; problem is empty where it opened. Sizes in pixels."""

    name: str
    width: int
    height: int
    problem: str


class Batch(NamedTuple):
    """Some images of one folder."""

    folder: str
    opened: list[OpenedPicture]


def look(folder: Path, names: Sequence[str]) -> Batch:
    """Open these images of a folder."""
    return Batch(folder.name, [_look(folder / name) for name in names])


def _look(path: Path) -> OpenedPicture:
    width = height = 0
    try:
        content = read_regular(path, MOST_BYTES)
    except OSError as exc:
        return OpenedPicture(path.name, 0, 0, f"cannot be read ({exc.strerror})")
    try:
        if not content.startswith(START):
            return OpenedPicture(path.name, 0, 0, "is no JPEG file" if content else "is empty")
        if END not in content[-TAIL_BYTES:]:
            return OpenedPicture(path.name, 0, 0, "is cut off")
        with Image.open(BytesIO(content), formats=["JPEG"]) as image:
            width, height = image.size
            image.draft("L", (width // EIGHTH, height // EIGHTH))
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:
        return OpenedPicture(path.name, width, height, f"cannot be decoded ({exc})")
    return OpenedPicture(path.name, width, height, "")
