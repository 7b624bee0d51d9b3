"""Pretrained weights: fetched once or found in a folder, and checked before anything uses them.

Where upstream publishes no digest, the first file seen is the reference: trust on first use.
"""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mrbench import files, locks
from mrbench.errors import UnavailableError
from mrbench.files import home, in_place_of, mark_used, write_whole
from mrbench.model.finding import Problem
from mrbench.model.inputs import WeightsFile
from mrbench.model.job import UsedWeights
from mrbench.prepare.weights.digests import Digests, digests_of, file_digest
from mrbench.text import size_text

__all__ = ["file_digest", "folder", "obtain", "problem"]
Progress = Callable[[str], None]
EVERY_S = 5.0  # between two lines on how far a download is
MOST_BYTES = 10_000_000_000  # more than any backbone has; a server shall not fill the disk


class First(msgspec.Struct, frozen=True, kw_only=True):
    """A file of weights as it was first seen: when (UTC), and the URL or path it came from."""

    file: str
    url: str
    source: str
    size_bytes: int
    sha256: str
    seen: str


def folder(named: Path | None) -> Path:
    """Return the folder of weights: --weights or a mirror's, else the cache's."""
    return named or home() / "weights"


def problem(item: WeightsFile, named: Path | None) -> Problem | None:
    """Say what is wrong with one file of weights and what to do, or None.

    A file that is not there is wrong only where it will not be fetched: in a folder that was named,
    or when the recipe's URLs are neither https nor file.
    """
    path = folder(named) / item.file
    if path.is_file():
        size_bytes = path.stat().st_size
        return _wrong_size(item, size_bytes, path) or _wrong_sum(item, digests_of(path), path)
    if named is not None:
        return Problem(f"weights {path} are missing", f"put there what {secure(item.url)} gives")
    for url in (item.url, *item.other_urls):
        if urlsplit(secure(url)).scheme not in ("https", "file"):
            text = f"weights {item.file}: {url} is neither https nor file"
            return Problem(text, "correct the recipe")
    return None


def obtain(item: WeightsFile, named: Path | None, progress: Progress) -> UsedWeights:
    """Fetch the file unless it exists, check it, and describe it.

    Nothing is fetched into a named folder. UnavailableError if it is missing or the wrong file.
    """
    fault = problem(item, named)
    if fault:
        raise UnavailableError(fault.text, fault.remedy)
    path = folder(named) / item.file
    if named is None:
        mark_used(path)
    source = str(path)
    if named is None and not path.is_file():
        name = f"weights-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
        with locks.machine_wide((name,), progress):  # another run may be at it
            if not path.is_file():
                source = _fetch(item, path, progress)
    fault = problem(item, folder(named))  # named: now it must be there
    if fault:
        raise UnavailableError(fault.text, fault.remedy)
    published = [n for n in ("sha256", "md5", "sha256_prefix") if getattr(item, n)]
    digests, size_bytes = digests_of(path), path.stat().st_size
    if item.sha256 is None:
        _note_first(item, digests.sha256, size_bytes, source)
    return UsedWeights(
        file=item.file,
        path=str(path),
        url=item.url,
        size_bytes=size_bytes,
        sha256=digests.sha256,
        checked_by=f"published {published[0]}" if published else "first seen",
    )


def secure(url: str) -> str:
    """Return the URL that is really asked: https instead of http."""
    return f"https://{url.removeprefix('http://')}" if url.startswith("http://") else url


def _wrong_size(item: WeightsFile, size_bytes: int, where: object) -> Problem | None:
    if item.size_bytes in (None, size_bytes):
        return None
    return Problem(
        f"weights {where}: {size_bytes} bytes, upstream's have {item.size_bytes}",
        f"download them again from {secure(item.url)}",
    )


def _wrong_sum(item: WeightsFile, digests: Digests, where: object) -> Problem | None:
    """Compare with the published digest, else with the first file seen."""
    published = (
        ("md5", digests.md5, item.md5),
        ("sha256", digests.sha256, item.sha256 or item.sha256_prefix),
    )
    for name, sum_, expected in published:
        if expected is not None and not sum_.startswith(expected.lower()):
            return Problem(
                f"weights {where}: {name} is {sum_}, upstream's is {expected}",
                f"download them again from {secure(item.url)}",
            )
    return None if item.sha256 else _unlike_first(item, digests.sha256, str(where))


def _seen(item: WeightsFile) -> Path:
    """Return the path of the record, which serves the cache and all other folders."""
    return home() / "weights" / ".seen" / f"{item.file}.json"


def _unlike_first(item: WeightsFile, sha256: str, where: str) -> Problem | None:
    """Say that the file differs from the first one seen, or None."""
    first = _first(item)
    if first is None:
        return None
    path = _seen(item)
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


def _note_first(item: WeightsFile, sha256: str, size_bytes: int, source: str) -> None:
    """Record the first file; source: the URL or path it came from."""
    if _first(item) is not None:
        return
    first = First(
        file=item.file,
        url=item.url,
        source=source,
        size_bytes=size_bytes,
        sha256=sha256,
        seen=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    path = _seen(item)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(msgspec.to_builtins(first), indent=1) + "\n").encode())


def _first(item: WeightsFile) -> First | None:
    """Return the record, if there is one; one that is broken must not let a changed file pass."""
    path = _seen(item)
    try:
        raw = files.read_regular(path, files.MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise UnavailableError(f"cannot be read ({exc.strerror})", "remove it", file=path) from exc
    remedy = "this is not a record of weights; remove it"
    return files.decode(raw, First, path, error=UnavailableError, remedy=remedy)


def _fetch(item: WeightsFile, path: Path, progress: Progress) -> str:
    """Download to a file beside, check, rename; return the URL that gave it."""
    from mrbench.prepare.weights.download import download  # noqa: PLC0415 - few runs fetch anything

    path.parent.mkdir(parents=True, exist_ok=True)
    shown = time.monotonic()

    def tell(done: int, total: int | None) -> None:
        nonlocal shown
        if time.monotonic() - shown >= EVERY_S:
            shown = time.monotonic()
            of = f" of {size_text(total)}" if total else ""
            progress(f"fetching weights {item.file}: {size_text(done)}{of}")

    failures = []
    with in_place_of(path) as out:
        for url in map(secure, (item.url, *item.other_urls)):
            progress(f"fetching weights {item.file} from {url}")
            try:
                digests = download(url, out, item.size_bytes, MOST_BYTES, tell)
            except UnavailableError as exc:
                failures.append(str(exc))
                continue
            fault = _wrong_size(item, out.tell(), url) or _wrong_sum(item, digests, url)
            if fault:
                raise UnavailableError(fault.text, fault.remedy)
            return url
        remedy = "try again, or get them elsewhere and name their folder with --weights DIR"
        raise UnavailableError("; ".join(failures), remedy, key=f"weights {item.file}")
