"""Pretrained weights: found under one folder and checked against what upstream published."""

import hashlib
from pathlib import Path

from mrbench.home import home
from mrbench.model import WeightsFile


def folder(named: Path | None) -> Path:
    """Return the folder of weights: --weights, else the cache's."""
    return named or home() / "weights"


def problem(item: WeightsFile, named: Path | None) -> str | None:
    """Say what is wrong with one file of weights and what to do, or None."""
    path = folder(named) / item.file
    if not path.is_file():
        return f"weights {path} are missing; get them from {item.url} (or name --weights DIR)"
    size = path.stat().st_size
    if item.size_bytes is not None and size != item.size_bytes:
        return (
            f"weights {path}: {size} bytes, upstream's have {item.size_bytes};"
            f" get them anew from {item.url}"
        )
    for name, expected in (("md5", item.md5), ("sha256", item.sha256 or item.sha256_prefix)):
        if expected is None:
            continue
        found = digest(path, name)
        if not found.startswith(expected):
            return (
                f"weights {path}: {name} is {found}, upstream's is {expected};"
                f" get them anew from {item.url}"
            )
    return None


def digest(path: Path, algorithm: str) -> str:
    """Return the file's digest in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
