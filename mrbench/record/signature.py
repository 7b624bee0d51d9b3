"""Signed archives: an in-toto statement beside the archive, and its signature by ssh-keygen.

ssh-keygen alone decides whether a signature holds and whose it is, by its exit codes; its messages
are only quoted. Times without a zone in a file of signers are read as UTC, the same everywhere.
"""

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

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
VALID = re.compile(rb'valid-(?:after|before)="([0-9]{8,14})', re.IGNORECASE)
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


class Signed(NamedTuple):
    """What came of checking a signature. principal: None unless signers have it and all holds."""

    findings: tuple[Finding, ...]
    principal: str | None = None
    fingerprint: str = ""


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


def signing_key(given: Path | None) -> str:
    """Return the file of the key to sign with: the one given, git's, or the usual one."""
    if given:
        return str(given)
    words = ("config", "--global", "--includes", "--type=path")
    with suppress(MrbenchError):
        form, named = (
            os.fsdecode(git(Path(os.devnull), *words, name, protocols="none")).strip()
            for name in ("gpg.format", "user.signingkey")
        )
        if form == "ssh":
            return named
    return str(Path.home() / ".ssh" / "id_ed25519")


def sign(archive: Path, key: Path | None = None) -> tuple[Path, Path]:
    """Sign an archive; return its statement and its signature. key: as signing_key takes it.

    Raises MrbenchError, CheckFailed for an archive that is not as recorded.
    """
    chosen, (path, signature) = signing_key(key), beside(archive)
    for file in (path, signature):
        if os.path.lexists(file):
            raise MrbenchError("exists already", "to sign again, remove it", file=file)
    with opened(str(archive), archive.parent) as run:
        checked = verify(run)
    if checked.record is None or checked.exit_code:
        remedy = f"`mrbench verify {archive}` tells all"
        raise CheckFailed(f"not signed: {checked.verdict}", remedy, file=archive)
    statement = statement_of(checked.record, archive, time.strftime(TIME, time.gmtime()))
    files.write_whole(path, f"{json.dumps(statement, indent=1)}\n".encode())
    try:
        done = _keygen("sign", "-n", NAMESPACE, "-q", "-f", chosen, str(path))  # writes path.sig
    finally:
        if not signature.exists():
            path.unlink()
    if done.returncode:
        why = one_line(os.fsdecode(done.stderr or b"").strip().rpartition("\n")[2])
        remedy = "name another with --key, or make one: ssh-keygen -t ed25519; a passphrase needs"
        remedy += " a terminal or ssh-agent"
        text = f"ssh-keygen cannot sign{': ' * bool(why)}{why}"
        raise UnavailableError(text, remedy, file=chosen)
    return path, signature


def signer_of(archive: Path, record: RunRecord, signers: Path | None = None) -> Signed | None:
    """Check the signature beside an archive and what it says; None where there is none.

    record: the archive's. signers: an allowed_signers file. UnavailableError without ssh-keygen.
    """
    if not any(map(os.path.lexists, beside(archive))):
        return None
    try:
        return _checked(archive, record, signers)
    except UnavailableError as exc:
        if signers:
            raise
        finding = _finding("not checked", exc.text, exc.remedy)
    except MrbenchError as exc:
        finding = replace(unreadable("signature", exc, ""), subject="signature")
    return Signed((finding,))


def _checked(archive: Path, record: RunRecord, signers: Path | None) -> Signed:
    """Check a signature; MrbenchError for the first thing that does not hold."""
    path, signature = beside(archive)
    raw, armoured = read_bytes(path), read_bytes(signature)

    def ask(action: str, *words: str) -> str:
        done = _keygen(action, "-s", str(signature), *words, message=raw)
        return "" if done.returncode else os.fsdecode(done.stdout)

    valid = ask("check-novalidate", "-n", NAMESPACE)
    if not valid:
        raise MrbenchError(_why_invalid(armoured), "ask for the signed files", file=path)
    signed = files.decode(raw, _Statement, path).predicate.signed
    ours = statement_of(record, archive, signed)
    for key, one, other in differences(files.loads(raw, path), ours):
        text = f"signed {shorten(one)}, here {shorten(other)}"
        meaning = "the archive was altered or exchanged, or the signer said something else"
        raise MrbenchError(text, meaning, file=path, key=key)
    if signed > time.strftime(TIME, time.gmtime(time.time() + SLACK_S)):
        raise MrbenchError(f"signed at {signed}, in the future", "a clock was wrong", file=path)
    fingerprint = valid.split()[-1]  # of its message the one word that counts
    return _whose(signers, signed, fingerprint, ask)


def _why_invalid(armoured: bytes) -> str:
    """Say why ssh-keygen refuses a signature, which holds what it was made for."""
    with suppress(ValueError):
        plain = base64.b64decode(b"".join(armoured.splitlines()[1:-1]))
        if plain.startswith(b"SSHSIG") and f"{NAMESPACE}\0".encode() not in plain:
            return f"was signed for something else than {NAMESPACE}"
    return "is not what was signed: it or its signature was altered"


def _whose(signers: Path | None, signed: str, fingerprint: str, ask: Callable[..., str]) -> Signed:
    """Say who signed; MrbenchError if the key is none of those who may sign."""
    if signers is None:
        text = f"valid, by the key {fingerprint}; nobody says whose key that is"
        finding = _finding("note", text, "name those who may sign with --signers FILE")
        return Signed((finding,), None, fingerprint)
    limits = {raw.decode() for raw in VALID.findall(read_bytes(signers))}

    def names(at: str) -> list[str]:
        may = ("-f", str(signers), f"-Overify-time={at}")
        return ask("find-principals", *may).splitlines()

    at, now = (re.sub("[^0-9]", "", utc) for utc in (signed, time.strftime(TIME, time.gmtime())))
    found = names(at)
    for name in found:
        may = ("-n", NAMESPACE, "-f", str(signers), "-I", name, f"-Overify-time={at}")
        if ask("verify", *may):
            expired = "" if not limits or name in names(now) else ", which has expired since"
            text = f"signed by {shorten(name)} at {signed}, with the key {fingerprint}{expired}"
            return Signed((_finding("note" if expired else "ok", text),), name, fingerprint)
    why = f"may not sign for {NAMESPACE}" if found else "is not one of those who may sign"
    for limit in () if found else sorted(limits, key=lambda one: abs(int(f"{one:0<14}") - int(at))):
        if names(limit):  # the nearest such time is the limit of the key's own line
            word = "until" if f"{limit:0<14}" < at else "from"
            why = f"signed at {signed}, but may sign {word} {limit} only"
            break
    raise MrbenchError(
        f"the key {fingerprint} {why}", "ask who signed it, or read the signers' file"
    )


def _finding(outcome: Outcome, text: str, remedy: str = "") -> Finding:
    return Finding("signature", outcome, text, remedy, subject="signature")


def _keygen(*words: str, message: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run ssh-keygen -Y; without a message it may ask a person at a terminal."""
    asks = message is None and os.isatty(0)
    try:
        done = subprocess.run(
            ["ssh-keygen", "-Y", *words],
            input=None if asks else message or b"",
            stdout=subprocess.PIPE,
            stderr=None if asks else subprocess.PIPE,
            env=os.environ | {"TZ": "UTC", "SSH_ASKPASS_REQUIRE": "never"},
            timeout=None if asks else LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(
            f"ssh-keygen took over {LIMIT_S} s", "end what it waits for"
        ) from exc
    except OSError as exc:
        remedy = "install it (Debian: apt install openssh-client)"
        raise UnavailableError("ssh-keygen cannot be run", remedy) from exc
    if done.returncode == 1:  # prints its usage; else it fails with 255
        raise UnavailableError("ssh-keygen is too old for signatures", "install a newer OpenSSH")
    return done
