"""What `verify` finds of archives and their signatures, kept by all that it depends on."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from mrbench import __version__, files
from mrbench.errors import MrbenchError
from mrbench.model.finding import Finding, count
from mrbench.model.record import RunRecord
from mrbench.prepare.data.workers import cores, parallel_map
from mrbench.record.archive import opened
from mrbench.record.rundir import describe
from mrbench.record.signature import altered, beside, signer_of
from mrbench.record.verify import verify
from mrbench.record.verify.source import check_pins
from mrbench.results.report.gather import for_reading
from mrbench.results.repository.layout import LEFT_OUT
from mrbench.text import first_few

AT_A_TIME = 8


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an archive. record: as pages may show it; None where anything failed."""

    findings: tuple[Finding, ...]
    record: RunRecord | None = None
    signer: str | None = None

    @property
    def why(self) -> str:
        """Why it is not shown, if it is not."""
        failed = [f"{f.topic}: {f.text}" for f in self.findings if f.outcome == "failed"]
        return f"{first_few(failed, 1, last='; and')}; `mrbench verify` tells all"


def all_verified(archives: Sequence[Path], signers: Path) -> Iterator[Verified]:
    """Yield what came of each archive; what was found before is read from $MRBENCH_HOME.

    signers: an allowed_signers, which need not be there.
    """
    whose = _sha256(signers)
    kept = {path: _kept(path, whose) for path in archives}
    known = {path: files.cached(place, Verified) for path, place in kept.items()}
    new = [path for path, found in known.items() if found is None]
    processes = max(1, min(cores(), len(new) // AT_A_TIME))
    work = partial(_verified, signers=signers if whose else None)
    orders = [(path, kept[path]) for path in new]
    made = parallel_map(work, orders, processes=processes, at_a_time=AT_A_TIME)
    known |= dict(zip(new, made, strict=True))
    yield from filter(None, known.values())


def copies(runs: Iterable[tuple[str, RunRecord]]) -> Mapping[str, str]:
    """Return the archives of a run that an earlier archive has, too, each with that one.

    The log of a run arrives as no other's does: its parts' times are known to the nanosecond.
    """
    firsts: dict[str, str] = {}
    found = {}
    for path, record in runs:
        stamps = (record.files or {}).get("train.stamps")
        if stamps and (first := firsts.setdefault(stamps.sha256, path)) != path:
            found[path] = first
    return found


def _sha256(path: Path) -> str:
    return describe(path).sha256 if path.is_file() else ""


def _kept(archive: Path, signers: str) -> Path:
    """Return where it is kept; signers: their digest."""
    digests = [*map(_sha256, (archive, *beside(archive))), signers]
    name = hashlib.sha256(" ".join([__version__, *digests]).encode()).hexdigest()
    return files.home() / "verified" / f"{name}.json"


def _verified(order: tuple[Path, Path], signers: Path | None) -> Verified:
    """Verify an archive and its signature, and keep that, unless it may be this machine's fault."""
    archive, kept = order
    try:
        with opened(str(archive), Path()) as run:
            checked = verify(run, LEFT_OUT)
        if checked.record is None:
            return Verified(findings=checked.findings)
        record = for_reading(checked.record, Path(run.record_name))
        looked_at = (*checked.shown(), *check_pins(checked.record))
        found = [each for each in looked_at if each.outcome == "failed"]
        found = found or [Finding("archive", "ok", checked.verdict)]
        signature, signer = signer_of(archive, checked.record, signers)
        found.append(signature or Finding("signature", "note", "unsigned: nobody vouches for it"))
    except MrbenchError as exc:
        why = altered(archive) or exc
        return Verified(findings=(Finding("archive", "failed", why.text, why.remedy),))
    if count(found, "failed"):
        return Verified(findings=tuple(found))
    made = Verified(findings=tuple(found), record=record, signer=signer)
    kept.parent.mkdir(parents=True, exist_ok=True)
    files.write_whole(kept, msgspec.json.encode(made, enc_hook=str))
    return made
