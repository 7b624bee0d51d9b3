"""`mrbench pack`: one archive of a run, without secrets, host names and user names.

masking.py: what hides them; copy.py: the folder without them; crate.py: the RO-Crate of it.
"""

import calendar
import getpass
import gzip
import itertools
import json
import re
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mrbench import files
from mrbench.errors import CheckFailed, MrbenchError
from mrbench.files import in_place_of, refusal
from mrbench.measure.log.blocks import read_blocks
from mrbench.model.record import RunRecord
from mrbench.record import rundir
from mrbench.record.archive import Opened, check_bounds
from mrbench.record.pack import masking
from mrbench.record.pack.copy import files_of, is_binary, masked_copy
from mrbench.record.pack.masking import HOST, USER, Mask
from mrbench.record.rundir import RunDir
from mrbench.record.verify import verify
from mrbench.text import is_secret

ID = re.compile(r"(\w[\w.-]*/){2}\w[\w.-]*")


def pack(run: Opened, out: Path, *, ro_crate: bool = False) -> RunRecord:
    """Write the archive of a run that is as recorded; return the record in it.

    Every masked text keeps its length in bytes, so that the arrival times still fit the log and
    the number can be computed again; that is tried before anything is written. Raises MrbenchError,
    CheckFailed for a run that is not as recorded.
    """
    if out.exists():
        raise MrbenchError("exists already", "choose another name, or remove it", file=out)
    if run.is_archive:
        raise MrbenchError(f"{run.called}: is an archive already", "give a run's folder")
    check_bounds(run.folder, run.called)
    record = rundir.load(run.folder.record, run.record_name)
    # Digests are made anew: what was edited before would look untouched afterwards.
    edited = _mismatch(run)
    if edited or not ID.fullmatch(record.id):
        raise CheckFailed(
            f"{run.called}: is not as recorded ({edited or 'its id'}); `mrbench verify` tells all",
            "restore the run",
        )
    secrets, names, left = _masks(run, record)
    otherwise = (*left, "host and user names in texts (the log would read otherwise)")
    for masks, told in (((*secrets, *names), left), (tuple(secrets), otherwise)):
        with tempfile.TemporaryDirectory(prefix="mrbench-") as temporary:
            folder = RunDir(Path(temporary) / record.id)
            packed = masked_copy(run, folder, masks, told, ro_crate=ro_crate)
            changed = _mismatch(Opened(folder, "", is_archive=True))
            if not changed:
                _write(folder, packed, out)
                return packed
    raise MrbenchError(
        f"{run.called}: without its secrets the files would say something else ({changed})",
        "train again without secrets in the output",
    )


def _mismatch(run: Opened) -> str | None:
    """Say what in a run is not as recorded, or None."""
    findings = verify(run, leave_out=("source", "ledger")).findings
    return next((f"{f.topic}: {f.text}" for f in findings if f.outcome == "failed"), None)


def _masks(run: Opened, record: RunRecord) -> tuple[list[Mask], list[Mask], tuple[str, ...]]:
    """Return masks of secrets, of names, and which names are too common to be looked for."""
    values = set(secrets_of(record))
    hidden = files.cached(run.folder.secrets, dict[str, str]) or {}
    values |= {value.encode("utf-8", "surrogateescape") for value in hidden.values()}
    users = _me()
    for machine in record.machines:
        users |= {v for n, v in machine.variables.items() if n in ("USER", "LOGNAME")}
    for text in _texts(run):
        users |= {name.decode("utf-8", "replace") for name in masking.users_in(text)}
        values |= {value for value in masking.secrets_in(text) if re.search(rb"[^a-z]", value)}
    left, masks = [], []
    users -= {"root"}  # tells nothing of anybody
    for kind, names in ((HOST, masking.hosts_of(record)), (USER, users)):
        why = {name: masking.too_common(name, record.plan) for name in names}
        reasons = sorted({reason for reason in why.values() if reason})
        left += [f"a {kind} in texts ({reason})" for reason in reasons]
        masks += masking.name_masks(kind, [name for name in names if not why[name]])
    # A user's home is hidden even where the name is too common to be looked for elsewhere.
    homes = Mask(USER, masking.HOMES)
    return [*masking.secret_masks(values), *masking.PATTERNS], [homes, *masks], tuple(left)


def secrets_of(record: RunRecord) -> Iterator[bytes]:
    """Yield the values of variables and options that are secrets by their names."""
    for variables in (record.plan.variables, *(machine.variables for machine in record.machines)):
        for name, value in variables.items():
            if is_secret(name):
                yield value.encode("utf-8", "surrogateescape")
    for option, value in itertools.pairwise(record.plan.command):
        if option.startswith("-") and "=" not in option and is_secret(option.strip("-")):
            yield value.encode("utf-8", "surrogatepass")


def _texts(run: Opened) -> Iterator[bytes]:
    content = json.loads(rundir.read_bytes(run.folder.record))
    yield json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for path in files_of(run):
        if not is_binary(path):
            for _, block in read_blocks(path):
                yield block


def _me() -> set[str]:
    try:
        return {getpass.getuser()}
    except (KeyError, OSError):  # a container's user without a name
        return set()


def _write(folder: RunDir, record: RunRecord, out: Path) -> None:
    """Write a .tar.gz that depends on the files alone: sorted, no owner, the record's time."""
    names = [*rundir.names_in(folder), "record.json"]
    with (
        refusal("written", out, "make room there, or name another file"),
        in_place_of(out) as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(names):
            member = tarfile.TarInfo(f"{record.id}/{name}")
            member.mode, member.mtime = 0o644, _time_s(record.started)
            member.size = (folder.path / name).stat().st_size
            with (folder.path / name).open("rb") as content:
                archive.addfile(member, content)


def _time_s(started: str) -> int:
    try:
        return calendar.timegm(time.strptime(started, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return 0
