"""Trust on first use: remember the SHA-256 of a file for which upstream publishes none."""

import json
import time
from pathlib import Path

import msgspec

from mrbench import files
from mrbench.errors import UnavailableError
from mrbench.files import home, read_regular, write_whole
from mrbench.model.finding import Problem
from mrbench.model.inputs import WeightsFile


class First(msgspec.Struct, frozen=True, kw_only=True):
    """A file of weights as it was first seen: when (UTC), and the URL or path it came from."""

    file: str
    url: str
    source: str
    size_bytes: int
    sha256: str
    seen: str


def record(item: WeightsFile) -> Path:
    """Return the path of the record, which serves the cache and all other folders."""
    return home() / "weights" / ".seen" / f"{item.file}.json"


def problem(item: WeightsFile, sha256: str, where: str) -> Problem | None:
    """Say that the file differs from the first one seen, or None."""
    first = _read(item)
    if first is None:
        return None
    path = record(item)
    if first.sha256 != sha256:
        return Problem(
            f"weights {where}: sha256 is {sha256}, but {first.sha256} when first seen"
            f" ({first.seen}, {first.source})",
            f"if the new one is right, remove {path}",
        )
    if first.url not in (item.url, *item.other_urls) and not (item.md5 or item.sha256_prefix):
        return Problem(
            f"weights {where}: first seen as {first.url}, but the recipe means {item.url}",
            f"give the recipe's another file name, or remove {path}",
        )
    return None


def note(item: WeightsFile, sha256: str, size_bytes: int, source: str) -> None:
    """Record the first file; source: the URL or path it came from."""
    if _read(item) is not None:
        return
    first = First(
        file=item.file,
        url=item.url,
        source=source,
        size_bytes=size_bytes,
        sha256=sha256,
        seen=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    path = record(item)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(msgspec.to_builtins(first), indent=1) + "\n").encode())


def _read(item: WeightsFile) -> First | None:
    """Return the record, if there is one; one that is broken must not let a changed file pass."""
    path = record(item)
    try:
        raw = read_regular(path, files.MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise UnavailableError(f"cannot be read ({exc.strerror})", "remove it", file=path) from exc
    remedy = "this is not a record of weights; remove it"
    return files.decode(raw, First, path, error=UnavailableError, remedy=remedy)
