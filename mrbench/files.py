"""Where mrbench keeps what it makes, and how a file comes into being there."""

import contextlib
import os
from pathlib import Path


def home() -> Path:
    """Return $MRBENCH_HOME, else $XDG_CACHE_HOME/mrbench, else ~/.cache/mrbench."""
    named = os.environ.get("MRBENCH_HOME")
    if named:
        return Path(named).expanduser().resolve()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache").resolve() / "mrbench"


def write_whole(path: Path, content: bytes) -> None:
    """Write beside and rename: the file has all of `content`, or is as it was before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
