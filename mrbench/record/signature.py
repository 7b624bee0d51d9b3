"""Signed archives: a statement beside the archive, and beside that its signature by ssh-keygen.

ssh-keygen alone decides whether a signature holds and whose it is, and says so by its exit codes;
its messages are only quoted. Times without a zone in a file of signers are read as UTC, to get the
same answer everywhere.
"""

import base64
import hashlib
import json
import os
import re
import struct
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, CompletedProcess
from typing import IO, Any, NamedTuple

import msgspec
from msgspec.structs import replace

from mrbench import files
from mrbench.errors import CheckFailed, MrbenchError, UnavailableError
from mrbench.model.finding import Finding, Outcome, count
from mrbench.model.record import RunRecord
from mrbench.model.statement import Essentials, Statement, Subject
from mrbench.prepare.source.git import git
from mrbench.record.archive import identity, opened
from mrbench.record.rundir import cannot_read, describe
from mrbench.record.verify import verify
from mrbench.record.verify.base import differs
from mrbench.text import differences, one_line, shorten

NAMESPACE = "mrbench"
TIME = "%Y-%m-%dT%H:%M:%SZ"
SLACK_S = 300  # between two machines' clocks
LIMIT_S = 60
MOST_BYTES = 1 << 20
LITERAL = ("key::", "ssh-", "ecdsa-", "sk-")  # of git's user.signingkey: the key itself, no file
VALID = re.compile(rb'valid-(after|before)="?([0-9]{8,14})', re.IGNORECASE)
ARMOUR = re.compile(rb"-+BEGIN SSH SIGNATURE-+\n(.*)\n-+END SSH SIGNATURE-+\s*", re.DOTALL)


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of checking a signature. principal: None unless signers have it and all holds."""

    findings: tuple[Finding, ...]
    principal: str | None = None
    fingerprint: str = ""
    statement: Statement | None = None


def beside(archive: Path) -> tuple[Path, Path]:
    """Return where an archive's statement and its signature are."""
    name = f"{archive.name}.intoto.json"
    return archive.with_name(name), archive.with_name(f"{name}.sig")


def essentials_of(record: RunRecord, signed: str) -> Essentials:
    """Return what is signed of a record at a UTC time."""
    plan, measured = record.plan, record.measurement
    return Essentials(
        signed=signed,
        run=record.id,
        record=identity(record),
        suite=plan.suite,
        implementation=plan.implementation,
        label=plan.label,
        source=plan.source.commit or plan.source.sha256 or "",
        tree=record.workspace.tree if record.workspace else None,
        throughput=record.throughput,
        unit=plan.unit,
        interval=measured.interval if measured and measured.throughput else None,
        verdict=record.validity.verdict if record.validity else None,
        devices=plan.gpus,
        nodes=plan.nodes,
        gpus=Counter(gpu.name or "unknown" for m in record.machines for gpu in m.gpus),
        cpus={machine.cpu or "unknown": machine.cpu_count for machine in record.machines},
        ledger=record.ledger,
        of_plan=record.packed.of_plan if record.packed else None,
    )


def signing_key(given: Path | None) -> tuple[str, str]:
    """Return the key to sign with, and where it is named. UnavailableError if there is none."""
    if given:
        return str(given), "--key"
    if _git_has("gpg.format") == "ssh" and (named := _git_has("user.signingkey")):
        return named, "git's user.signingkey"
    if (own := Path.home() / ".ssh" / "id_ed25519").exists():
        return str(own), "the default"
    raise UnavailableError("no key to sign with", "name one with --key, or make one: ssh-keygen")


def _git_has(name: str) -> str:
    with suppress(MrbenchError):
        words = ("config", "--global", "--includes", "--type=path", name)
        return os.fsdecode(git(Path(os.devnull), *words, protocols="none")).strip()
    return ""


def sign(archive: Path, key: Path | None = None) -> tuple[Path, Path]:
    """Sign an archive; return its statement and its signature. key: as signing_key takes it.

    Raises MrbenchError, CheckFailed for an archive that is not as recorded.
    """
    chosen, _ = signing_key(key)
    paths = beside(archive)
    for path in paths:
        if os.path.lexists(path):
            raise MrbenchError("exists already", "to sign again, remove it", file=path)
    with opened(str(archive), archive.parent) as run:
        checked = verify(run)
    if checked.record is None or checked.exit_code:
        remedy = f"`mrbench verify {archive}` tells all"
        raise CheckFailed(f"not signed: {checked.verdict}", remedy, file=archive)
    statement = Statement(
        type="https://in-toto.io/Statement/v1",
        subject=(Subject(name=archive.name, digest={"sha256": describe(archive).sha256}),),
        kind="urn:mrbench:run:v1",
        predicate=essentials_of(checked.record, time.strftime(TIME, time.gmtime())),
    )
    raw = f"{json.dumps(msgspec.to_builtins(statement), indent=1)}\n".encode()
    with tempfile.TemporaryDirectory(prefix="mrbench-") as folder:
        message, public = Path(folder, "statement"), Path(folder, "key.pub")
        message.write_bytes(raw)
        if chosen.startswith(LITERAL):
            public.write_text(chosen.removeprefix("key::"))
            chosen = str(public)
        stdin = None if os.isatty(0) else DEVNULL
        done = _keygen("sign", "-n", NAMESPACE, "-f", chosen, str(message), stdin=stdin)
        if done.returncode:
            why = one_line(os.fsdecode(done.stderr or b"").strip().rpartition("\n")[2])
            remedy = "name another with --key; a passphrase needs a terminal or ssh-agent"
            raise UnavailableError(f"ssh-keygen cannot sign: {why}", remedy, file=chosen)
        signature = message.with_name("statement.sig").read_bytes()
    for path, content in zip(paths, (raw, signature), strict=True):
        files.write_whole(path, content)
    return paths


def signer_of(archive: Path, record: RunRecord, signers: Path | None = None) -> Signed | None:
    """Check the signature beside an archive and what it says; None where there is none.

    record: the archive's. signers: an allowed_signers file; MrbenchError if it cannot be read, and
    UnavailableError without ssh-keygen.
    """
    if not any(map(os.path.lexists, beside(archive))):
        return None
    known = _read(signers) if signers else b""
    try:
        return _checked(archive, record, signers, known)
    except UnavailableError as exc:
        if signers:
            raise
        finding = _finding("not checked", exc.text, exc.remedy)
    except MrbenchError as exc:
        text = f"{exc.key}: {exc.text}" if exc.key else exc.text
        finding = replace(_finding("failed", text, exc.remedy), file=Path(exc.file or "").name)
    return Signed(findings=(finding,))


def _checked(archive: Path, record: RunRecord, signers: Path | None, known: bytes) -> Signed:
    paths = beside(archive)
    raw, armoured = map(_read, paths)
    key = _key(armoured, paths[1])
    fingerprint = f"SHA256:{base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip('=')}"
    with tempfile.TemporaryDirectory(prefix="mrbench-") as folder:
        message, signature = Path(folder, "statement"), Path(folder, "signature")
        message.write_bytes(raw)
        signature.write_bytes(armoured)
        asked = _Asked(message, signature, signers, known, key)
        if asked.ends("check-novalidate") is None:
            text = "is not what was signed"
            raise MrbenchError(text, "it or its signature was altered", file=paths[0])
        plain = files.loads(raw, paths[0])
        statement = files.convert(plain, Statement, paths[0])
        principal, whose = _whose(asked, fingerprint, statement.predicate.signed)
    findings = (*_contents(archive, record, statement, plain), whose)
    return Signed(
        findings=findings,
        principal=None if count(findings, "failed") else principal,
        fingerprint=fingerprint,
        statement=statement,
    )


def _read(path: Path) -> bytes:
    try:
        return files.read_regular(path, MOST_BYTES)
    except OSError as exc:
        raise cannot_read(path, exc) from exc


def _key(armoured: bytes, path: Path) -> bytes:
    """Return the public key in a signature for mrbench, as OpenSSH's PROTOCOL.sshsig has it."""
    namespace = None
    with suppress(TypeError, ValueError, struct.error):
        raw = base64.b64decode(ARMOUR.fullmatch(armoured)[1])  # type: ignore[index]
        (size,) = struct.unpack_from(">I", raw, 10)  # behind SSHSIG and a version
        (length,) = struct.unpack_from(">I", raw, 14 + size)
        namespace = raw[18 + size :][:length].decode()
        if namespace == NAMESPACE:
            return raw[14 : 14 + size]
    if namespace is None:
        raise MrbenchError("is no signature of ssh-keygen", "it was altered", file=path)
    text = f"was made for {shorten(namespace)} instead of {NAMESPACE}"
    raise MrbenchError(text, "it vouches for something else", file=path)


def _contents(
    archive: Path, record: RunRecord, statement: Statement, plain: Mapping[str, Any]
) -> Iterator[Finding]:
    """Compare a statement with its archive, and its essentials with the archive's record."""
    now, signed = (
        time.strftime(TIME, time.gmtime(time.time() + SLACK_S)),
        statement.predicate.signed,
    )
    if signed > now:
        yield _finding("failed", f"signed at {signed}, which is in the future", "a clock was wrong")
    sha256 = describe(archive).sha256
    if sha256 not in {subject.digest.get("sha256") for subject in statement.subject}:
        text = f"is not the archive that was signed: its sha256 is {sha256[:16]}"
        yield replace(_finding("failed", text, "it was altered or exchanged"), file=archive.name)
        return
    ours, theirs = msgspec.to_builtins(essentials_of(record, signed)), plain["predicate"]
    for key, one, other in differences({key: theirs.get(key) for key in ours}, ours):
        meaning = "the signer vouches for something else than the archive holds"
        yield replace(differs("signature", key, one, other, meaning), subject="signature")


class _Asked(NamedTuple):
    """What ssh-keygen is asked about. known: what the file of signers holds; key: who signed."""

    message: Path
    signature: Path
    signers: Path | None
    known: bytes
    key: bytes

    def ends(self, action: str, *words: str) -> bytes | None:
        """Return what ssh-keygen prints; None where its answer is no."""
        with self.message.open("rb") as stdin:
            words = (*(() if action == "find-principals" else ("-n", NAMESPACE)), *words)
            done = _keygen(action, "-s", str(self.signature), *words, stdin=stdin)
        return None if done.returncode else done.stdout

    def names(self, at: str) -> list[str]:
        """Return whom the file of signers says the key belongs to at a time, as 20260131120000."""
        words = ("-f", str(self.signers), f"-Overify-time={at}")
        return os.fsdecode(self.ends("find-principals", *words) or b"").splitlines()

    def outside(self, at: str) -> str:
        """Say when the key may sign, where it may not at that time; empty if it never may."""
        mine = [s for s in self.known.splitlines() if base64.b64encode(self.key) in s.split()]
        for which, raw in VALID.findall(b"\n".join(mine)):
            limit = raw.decode()
            late = which.lower() == b"before"
            if (limit.ljust(14, "0") < at) == late and self.names(limit):
                return f"it may sign only {'until' if late else 'from'} {limit}"
        return ""


def _whose(asked: _Asked, fingerprint: str, signed: str) -> tuple[str | None, Finding]:
    """Return who signed, if the file of signers allows that, and what to say of it."""
    if asked.signers is None:
        text = f"valid, by the key {fingerprint}; nobody says whose key that is"
        return None, _finding("note", text, "name those who may sign with --signers FILE")
    at = re.sub("[^0-9]", "", signed)
    names = asked.names(at)
    may = ("-f", str(asked.signers), f"-Overify-time={at}", "-I")
    for name in names:
        if asked.ends("verify", *may, name) is not None:
            text = f"signed by {shorten(name)} at {signed}, with the key {fingerprint}"
            if name in asked.names(time.strftime("%Y%m%d%H%M%S", time.gmtime())):
                return name, _finding("ok", text)
            return name, _finding("note", f"{text}, which has expired since")
    if names:
        why = f"belongs to {shorten(names[0])}, and may not sign for {NAMESPACE}"
    elif outside := asked.outside(at):
        why = f"signed at {signed}, when it was not valid: {outside}"
    else:
        why = "is not one of those who may sign"
    return None, _finding("failed", f"its key {fingerprint} {why}", "ask who signed it")


def _finding(outcome: Outcome, text: str, remedy: str = "") -> Finding:
    return Finding("signature", outcome, text, remedy, subject="signature")


def _keygen(action: str, *words: str, stdin: IO[bytes] | int | None) -> CompletedProcess[bytes]:
    """Run ssh-keygen -Y. stdin: None for a terminal, where it may ask a person."""
    try:
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", action, *words],
            stdin=stdin,
            stdout=PIPE,
            stderr=None if stdin is None else PIPE,
            env=os.environ | {"TZ": "UTC", "SSH_ASKPASS_REQUIRE": "never"},
            timeout=None if stdin is None else LIMIT_S,
            check=False,
        )
    except FileNotFoundError as exc:
        remedy = "install it (Debian: apt install openssh-client)"
        raise UnavailableError("there is no ssh-keygen", remedy) from exc
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(f"ssh-keygen took longer than {LIMIT_S} s", "try again") from exc
    if done.returncode == 1:  # prints its usage; else it fails with 255
        raise UnavailableError("ssh-keygen is too old for signatures", "install OpenSSH 8.9")
    return done
