"""Signed archives: an in-toto statement beside the archive, and its signature by ssh-keygen.

ssh-keygen alone decides whether a signature holds and whose it is, by its exit codes; its messages
are only quoted. Times without a zone in a file of signers are read as UTC, the same everywhere.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import replace

from mrbench import files
from mrbench.errors import CheckFailed, MrbenchError, UnavailableError
from mrbench.model.finding import Finding, Outcome
from mrbench.model.record import RunRecord
from mrbench.prepare.source.git import git
from mrbench.record.archive import opened
from mrbench.record.rundir import describe, read_bytes
from mrbench.record.verify import verify
from mrbench.record.verify.base import unreadable
from mrbench.text import differences, leaves, one_line, shorten

NAMESPACE = "mrbench"
TIME = "%Y-%m-%dT%H:%M:%SZ"
SLACK_S = 300  # between two machines' clocks
LIMIT_S = 60
MOST_BYTES = 1 << 16  # of a signature; ssh-keygen takes minutes for 10 MB
EXPIRING = (b"valid-before", b"cert-authority")  # what lets a key of a file of signers expire
LONGEST_WHY = 400  # characters of what ssh-keygen says, which names a file and its lines
Answer = tuple[list[str] | None, str]  # ssh-keygen's lines, None where it refuses; what it says why
ESSENTIALS = (  # keys of record.json
    *("plan.suite", "plan.implementation", "plan.source.commit", "plan.source.sha256"),
    *("workspace.tree", "measurement.throughput", "measurement.unit", "measurement.interval.low"),
    *("measurement.interval.high", "validity.verdict", "plan.gpus", "plan.nodes", "machine.cpu"),
    *("machine.cpu_count", "ledger.position", "ledger.digest", "ledger.registered.digest"),
    "packed.record.digest",
)


class _Essentials(Struct, frozen=True):
    signed: Annotated[str, Meta(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z\Z")]


class _Statement(Struct, frozen=True):
    predicate: _Essentials


def beside(archive: Path) -> tuple[Path, Path]:
    """Return where an archive's statement and its signature are."""
    name = f"{archive.name}.intoto.json"
    return archive.with_name(name), archive.with_name(f"{name}.sig")


def statement_of(record: RunRecord, archive: Path, signed: str) -> dict[str, Any]:
    """Return the statement on an archive and the record in it, as JSON holds it; signed: UTC.

    https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md.
    """
    known = dict(leaves(record.plain()))
    of_plan = record.packed.of_plan if record.packed else None
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": record.id, "digest": {"sha256": describe(archive).sha256}}],
        "predicateType": "urn:mrbench:run:v1",
        "predicate": {
            "signed": signed,
            "label": record.plan.label,
            "gpus": [gpu.name for machine in record.machines for gpu in machine.gpus],
            "of_plan": {k: len(v) for k, v in of_plan.became.items()} if of_plan else None,
            **{key: known.get(key) for key in ESSENTIALS},
        },
    }


def _usual_key() -> str:
    """Return the file of the key to sign with where none is given: git's, or ssh-keygen's."""
    words = ("config", "--global", "--includes", "--type=path")
    with suppress(MrbenchError):
        form, named = (
            os.fsdecode(git(Path(os.devnull), *words, name, protocols="none")).strip()
            for name in ("gpg.format", "user.signingkey")
        )
        if form == "ssh":
            return named
    return str(Path.home() / ".ssh" / "id_ed25519")


def sign(archive: Path, key: Path | None = None) -> tuple[Path, Path, str]:
    """Sign an archive; return its statement, its signature, and the file of the key.

    key: by default git's user.signingkey where gpg.format is ssh, else ~/.ssh/id_ed25519. Raises
    MrbenchError, CheckFailed for an archive that is not as recorded.
    """
    chosen, (path, signature) = str(key) if key else _usual_key(), beside(archive)
    for file in (path, signature):
        if os.path.lexists(file):
            raise MrbenchError("exists already", "to sign again, remove it", file=file)
    with opened(str(archive), archive.parent) as run:
        checked = verify(run)
    if checked.record is None or checked.exit_code:
        remedy = f"`mrbench verify {archive}` tells all"
        raise CheckFailed(f"not signed: {checked.verdict.removesuffix('.')}", remedy, file=archive)
    statement = statement_of(checked.record, archive, time.strftime(TIME, time.gmtime()))
    files.write_whole(path, f"{json.dumps(statement, indent=1)}\n".encode())
    try:
        done, why = _keygen("-Y", "sign", "-n", NAMESPACE, "-q", "-f", chosen, str(path))
    finally:
        if not signature.exists():
            path.unlink()
    if done is None:
        remedy = "name another with --key, or make one: ssh-keygen -t ed25519; a passphrase needs"
        remedy += " a terminal or ssh-agent"
        raise UnavailableError(f"ssh-keygen cannot sign{why and f': {why}'}", remedy, file=chosen)
    return path, signature, chosen


def altered(archive: Path) -> CheckFailed | None:
    """Return the error for an archive that is not the one that the statement beside it is on."""
    with suppress(OSError, MrbenchError):  # what cannot be read is another fault
        said = read_bytes(beside(archive)[0])
        if archive.is_file() and describe(archive).sha256.encode() not in said:
            text = "the archive is not the one that was signed: it was damaged or exchanged"
            return CheckFailed(text, "ask for the signed files", file=archive)
    return None


def signer_of(
    archive: Path, record: RunRecord, signers: Path | None
) -> tuple[Finding | None, str | None]:
    """Check the signature beside an archive and what it says; no finding where there is none.

    record: the archive's. signers: an allowed_signers file. Also returns the signer, unless there
    are no signers or something does not hold. UnavailableError without ssh-keygen.
    """
    if not any(map(os.path.lexists, beside(archive))):
        return None, None
    try:
        return _checked(archive, record, signers)
    except UnavailableError as exc:
        if signers:
            raise
        return _finding("not checked", exc.text, exc.remedy), None
    except MrbenchError as exc:
        return replace(unreadable("signature", exc, ""), subject="signature"), None


def _checked(archive: Path, record: RunRecord, signers: Path | None) -> tuple[Finding, str | None]:
    """Check a signature; MrbenchError for the first thing that does not hold."""
    path, signature = beside(archive)
    raw, armored = read_bytes(path), read_bytes(signature)
    if len(armored) > MOST_BYTES:
        raise MrbenchError("is longer than a signature", "ask for the signed files", file=signature)
    ask = partial(_keygen, "-s", str(signature), message=raw)
    valid, why = ask("-Y", "check-novalidate", "-n", NAMESPACE)
    if not valid:
        text = f"is not what was signed for {NAMESPACE} ({why})"
        raise MrbenchError(text, "ask for the signed files", file=path)
    signed = files.decode(raw, _Statement, path).predicate.signed
    ours = statement_of(record, archive, signed)
    for key, one, other in differences(files.loads(raw, path), ours):
        text = f"signed {shorten(one)}, here {shorten(other)}"
        meaning = "the archive was altered or exchanged, or the signer said something else"
        raise MrbenchError(text, meaning, file=path, key=key)
    if signed > time.strftime(TIME, time.gmtime(time.time() + SLACK_S)):
        raise MrbenchError(f"signed at {signed}, in the future", "a clock was wrong", file=path)
    fingerprint = valid[0].split()[-1]  # of its message the one word that counts
    return _whose(f"the key {fingerprint}", signed, signers, ask)


def _whose(
    key: str, signed: str, signers: Path | None, ask: Callable[..., Answer]
) -> tuple[Finding, str | None]:
    """Say who signed; MrbenchError if the key is none of those who may sign."""
    if signers is None:
        text = f"valid, by {key}; nobody says whose key that is"
        return _finding("note", text, "name those who may sign with --signers FILE"), None
    at, now = (
        ("-f", str(signers), f"-Overify-time={re.sub('[^0-9]', '', utc)}")
        for utc in (signed, time.strftime(TIME, time.gmtime()))
    )
    names, why = ask("-Y", "find-principals", *at)
    more = f"; passed over: {why.replace(str(signers), signers.name)}" if names and why else ""
    for name in names or ():
        held, why = ask("-Y", "verify", *at, "-n", NAMESPACE, "-I", name)
        if held:
            may_expire = any(word in read_bytes(signers).lower() for word in EXPIRING)
            still = ask("-Y", "find-principals", *now)[0] if may_expire else names
            more = more if name in (still or ()) else f", which has expired since{more}"
            text = f"signed by {shorten(name)} at {signed}, with {key}{more}"
            return _finding("note" if more else "ok", text), name
    why = why.replace(str(signers), signers.name)
    text = f"{signers.name} does not let {key} sign for {NAMESPACE} at {signed} ({why})"
    raise MrbenchError(text, "ask who signed it, or read the signers' file")


def _finding(outcome: Outcome, text: str, remedy: str = "") -> Finding:
    return Finding("signature", outcome, text, remedy, subject="signature")


def _keygen(*words: str, message: bytes | None = None) -> Answer:
    """Run ssh-keygen; without a message it may ask a person at a terminal."""
    asks = message is None and os.isatty(0)
    try:
        done = subprocess.run(
            ["ssh-keygen", *words],
            input=None if asks else message or b"",
            stdout=subprocess.PIPE,
            stderr=None if asks else subprocess.PIPE,
            env=os.environ | {"TZ": "UTC", "SSH_ASKPASS_REQUIRE": "never"},
            timeout=None if asks else LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        text = f"ssh-keygen took over {LIMIT_S} s"
        raise UnavailableError(text, "end what it waits for") from exc
    except OSError as exc:
        remedy = "install it (Debian: apt install openssh-client)"
        raise UnavailableError("ssh-keygen cannot be run", remedy) from exc
    if done.returncode == 1:  # prints its usage; else it fails with 255
        raise UnavailableError("ssh-keygen is too old for signatures", "install a newer OpenSSH")
    printed, told = (os.fsdecode(text or b"") for text in (done.stdout, done.stderr))
    return None if done.returncode else printed.splitlines(), one_line(told)[:LONGEST_WHY]
