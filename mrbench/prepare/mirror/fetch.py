"""Get one file whose SHA-256 is known: whole and checked, or not at all."""

from pathlib import Path

from mrbench.errors import UnavailableError
from mrbench.prepare.mirror.manifest import describe
from mrbench.prepare.weights.download import download

ATTEMPTS = 3
MOST_BYTES = 20_000_000_000  # more than any wheel has


def fetch(url: str, sha256: str, target: Path) -> None:
    """Have the file in place; UnavailableError if it cannot be had or is another one."""
    if target.is_file() and describe(target).sha256 == sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    try:
        found = _patiently(url, beside)
        if found != sha256:
            raise UnavailableError(
                f"{url}: sha256 is {found}, the index says {sha256}", "find out who changed it"
            )
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _patiently(url: str, target: Path) -> str:
    """Download, again if that fails: the biggest are some hundred megabytes."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return download(url, target, None, MOST_BYTES, lambda _done, _total: None).sha256
        except UnavailableError:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError
