"""Names that people give to a run: tags.json beside its record, which they do not change."""

import contextlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from mrbench import files, locks
from mrbench.errors import MrbenchError, RecipeError

FILE = "tags.json"
FORMAT = 1
MOST_BYTES = 1 << 16
MOST = 50  # tags of a run
SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


class Tags(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What tags.json holds."""

    format: int
    tags: tuple[str, ...]


def read(run: Path) -> tuple[str, ...]:
    """Return the tags of a run's folder; none where it has no tags.json.

    Raises MrbenchError where that cannot be read, or is no such file.
    """
    path = run / FILE
    try:
        raw = files.read_regular(path, MOST_BYTES)
    except FileNotFoundError:
        return ()
    except OSError as exc:
        raise MrbenchError(f"cannot be read ({exc.strerror})", "remove it", file=path) from exc
    content = files.decode(raw, Tags, path)
    files.check_format(content.format, "tags", range(FORMAT, FORMAT + 1), path)
    wrong = [tag for tag in content.tags if not SHAPE.fullmatch(tag)]
    if wrong or len(content.tags) > MOST:
        text = "holds something that is not a tag" if wrong else f"holds more than {MOST} tags"
        raise MrbenchError(text, files.DAMAGED, file=path, key="tags")
    return content.tags


def check(tags: Iterable[str]) -> None:
    """Raise RecipeError for a word that cannot be a tag."""
    for tag in tags:
        if not SHAPE.fullmatch(tag):
            remedy = "use 1 to 64 letters, digits and . _ + -, and begin with a letter or a digit"
            raise RecipeError(f"{tag!r} cannot be a tag", remedy)


def change(run: Path, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]:
    """Add and remove tags of a run's folder; return those that it has then."""
    gone = set(remove)
    try:
        with locks.of_folder(run):  # so that no other's tags are lost that are added just now
            tags = tuple(dict.fromkeys(tag for tag in (*read(run), *add) if tag not in gone))
            check(tags)
            if len(tags) > MOST:
                raise RecipeError(f"a run has at most {MOST} tags", "remove some", file=run / FILE)
            _write(run, tags)
    except OSError as exc:
        raise files.translated(exc) from exc
    return tags


def _write(run: Path, tags: tuple[str, ...]) -> None:
    if tags:
        content = msgspec.to_builtins(Tags(format=FORMAT, tags=tags))
        files.write_whole(run / FILE, f"{json.dumps(content, indent=1)}\n".encode())
    else:
        (run / FILE).unlink(missing_ok=True)


def tagged(tag: str, runs: Path) -> list[Path]:
    """Return the folders of the runs that have a tag, oldest first."""
    if not SHAPE.fullmatch(tag):
        return []
    found = []
    for path in runs.glob(f"*/*/*/{FILE}"):
        with contextlib.suppress(MrbenchError):  # `mrbench runs` names it
            if tag in read(path.parent) and (path.parent / "record.json").is_file():
                found.append(path.parent)
    return sorted(found, key=lambda folder: folder.name)
