"""The archive of a packed run; the same files make the same bytes."""

import calendar
import contextlib
import gzip
import os
import tarfile
import time
from pathlib import Path
from typing import Any

from mrbench.errors import MrbenchError
from mrbench.record import rundir
from mrbench.record.archive import MAX_BYTES
from mrbench.record.rundir import RunDir


def write(folder: RunDir, record: dict[str, Any], out: Path) -> None:
    """Write a .tar.gz that depends on the files alone: sorted, no owner, the record's time."""
    names = [*rundir.names_in(folder), "record.json"]
    if sum((folder.path / name).stat().st_size for name in names) > MAX_BYTES:
        raise MrbenchError(
            f"would hold more than {MAX_BYTES >> 30} GiB, which `mrbench verify` does not unpack",
            "hand the folder on as it is",
            file=out,
        )
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with (
            beside.open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name in sorted(names):
                member = tarfile.TarInfo(f"{record['id']}/{name}")
                member.mode, member.mtime = 0o644, _time(record)
                member.size = (folder.path / name).stat().st_size
                with (folder.path / name).open("rb") as content:
                    archive.addfile(member, content)
        beside.rename(out)
    except OSError as exc:
        raise MrbenchError(
            f"cannot be written ({exc.strerror})", "make room there, or name another file", file=out
        ) from exc
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def _time(record: dict[str, Any]) -> int:
    try:
        return calendar.timegm(time.strptime(str(record.get("started")), "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return 0
