"""Signed archives: a statement beside the archive, and beside that its signature by ssh-keygen.

ssh-keygen alone decides whether a signature holds and whose it is, by its exit codes; its messages
are only quoted. Times without a zone in a file of signers are read as UTC, the same everywhere.
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
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from mrbench import files
from mrbench.errors import CheckFailed, MrbenchError, UnavailableError
from mrbench.model.finding import Finding, Outcome, count
from mrbench.model.record import RunRecord
from mrbench.model.statement import ESSENTIALS, Essentials, Statement, Subject
from mrbench.prepare.source.git import git
from mrbench.record.archive import opened
from mrbench.record.rundir import describe, read_bytes
from mrbench.record.verify import verify
from mrbench.record.verify.base import differs, unreadable
from mrbench.text import equal, leaves, one_line, shorten

NAMESPACE = "mrbench"
TIME = "%Y-%m-%dT%H:%M:%SZ"
SLACK_S = 300  # between two machines' clocks
LIMIT_S = 60
LITERAL = ("key::", "ssh-", "ecdsa-", "sk-")  # of git's user.signingkey: the key itself, no file
VALID = re.compile(rb'valid-(after|before)="?([0-9]{8,14})', re.IGNORECASE)
ARMOUR = re.compile(rb"-+BEGIN SSH SIGNATURE-+\n(.*)\n-+END SSH SIGNATURE-+\s*", re.DOTALL)


class Signed(NamedTuple):
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
    values: dict[str, Any] = {}
    for key in ESSENTIALS:
        values[key] = record.plain()
        for name in key.split("."):
            values[key] = (values[key] or {}).get(name)
    return Essentials(signed=signed, record=values)


def signing_key(given: Path | None) -> str:
    """Return the key to sign with, a file or a public key. UnavailableError if there is none."""
    if given:
        return str(given)
    if _git_has("gpg.format") == "ssh" and (named := _git_has("user.signingkey")):
        return named
    if (own := Path.home() / ".ssh" / "id_ed25519").exists():
        return str(own)
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
    chosen, paths = signing_key(key), beside(archive)
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
        file = str(public) if public.exists() else chosen
        done = _keygen("sign", "-n", NAMESPACE, "-f", file, str(message))
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

    record: the archive's. signers: an allowed_signers file. UnavailableError without ssh-keygen.
    """
    path, signature = beside(archive)
    if not (os.path.lexists(path) or os.path.lexists(signature)):
        return None
    principal, fingerprint, statement = None, "", None
    try:
        asked = _Asked(read_bytes(path), signature, signers, _key(signature))
        fingerprint = asked.fingerprint
        statement = _stated(asked, path)
        principal, whose = _whose(asked, statement.predicate.signed)
        findings = (*_contents(archive, record, statement), whose)
    except UnavailableError as exc:
        if signers:
            raise
        findings = (_finding("not checked", exc.text, exc.remedy),)
    except MrbenchError as exc:
        findings = (replace(unreadable("signature", exc, ""), subject="signature"),)
    if count(findings, "failed"):
        principal = None
    return Signed(findings, principal, fingerprint, statement)


def _stated(asked: "_Asked", path: Path) -> Statement:
    if asked.about("check-novalidate", "-n", NAMESPACE) is None:
        text, remedy = "is not what was signed", "it or its signature was altered"
        raise MrbenchError(text, remedy, file=path)
    return files.decode(asked.message, Statement, path)


def _key(path: Path) -> bytes:
    """Return the public key in a signature for mrbench, as OpenSSH's PROTOCOL.sshsig has it."""
    text = "is no signature of ssh-keygen"
    with suppress(TypeError, ValueError, struct.error):
        raw = base64.b64decode(ARMOUR.fullmatch(read_bytes(path))[1])  # type: ignore[index]
        (size,) = struct.unpack_from(">I", raw, 10)  # behind SSHSIG and a version
        (length,) = struct.unpack_from(">I", raw, 14 + size)
        namespace = raw[18 + size :][:length].decode()
        if namespace == NAMESPACE:
            return raw[14 : 14 + size]
        text = f"was made for {shorten(namespace)} instead of {NAMESPACE}"
    raise MrbenchError(text, "it does not vouch for this", file=path)


def _contents(archive: Path, record: RunRecord, statement: Statement) -> Iterator[Finding]:
    """Compare a statement with its archive, and its essentials with the archive's record."""
    said = statement.predicate
    if said.signed > time.strftime(TIME, time.gmtime(time.time() + SLACK_S)):
        text = f"signed at {said.signed}, which is in the future"
        yield _finding("failed", text, "a clock was wrong")
    sha256 = describe(archive).sha256
    if sha256 not in {subject.digest.get("sha256") for subject in statement.subject}:
        text = f"not the archive that was signed: its sha256 is {sha256[:16]}"
        yield _finding("failed", text, "it was altered or exchanged")
        return
    ours = essentials_of(record, said.signed).record
    shared = [key for key in ours if key in said.record]  # other versions sign more, or less
    one, other = (dict(leaves({key: each[key] for key in shared})) for each in (said.record, ours))
    for key in dict.fromkeys((*one, *other)):
        if not equal(one.get(key), other.get(key)):
            meaning = "the signer vouches for something else than the archive holds"
            found = differs("signature", key, one.get(key), other.get(key), meaning)
            yield replace(found, subject="signature")


class _Asked(NamedTuple):
    """What ssh-keygen is asked about; key: the public one that signed."""

    message: bytes
    signature: Path
    signers: Path | None
    key: bytes

    @property
    def fingerprint(self) -> str:
        """The key's, as ssh-keygen prints it."""
        return f"SHA256:{base64.b64encode(hashlib.sha256(self.key).digest()).decode().rstrip('=')}"

    def about(self, action: str, *words: str) -> bytes | None:
        """Return what ssh-keygen prints; None where its answer is no."""
        done = _keygen(action, *words, "-s", str(self.signature), message=self.message)
        return None if done.returncode else done.stdout

    def names(self, at: str) -> list[str]:
        """Return who may sign with the key at a time, as 20260131120000."""
        words = ("-f", str(self.signers), f"-Overify-time={at}")
        return os.fsdecode(self.about("find-principals", *words) or b"").splitlines()


def _whose(asked: _Asked, signed: str) -> tuple[str | None, Finding]:
    """Return who signed, if the file of signers allows that, and what to say of it."""
    key = f"the key {asked.fingerprint}"
    if asked.signers is None:
        text = f"valid, by {key}; nobody says whose key that is"
        return None, _finding("note", text, "name those who may sign with --signers FILE")
    at = re.sub("[^0-9]", "", signed)
    names = asked.names(at)
    may = ("-n", NAMESPACE, "-f", str(asked.signers), f"-Overify-time={at}", "-I")
    for name in names:
        if asked.about("verify", *may, name) is not None:
            text = f"signed by {shorten(name)} at {signed}, with {key}"
            if name in asked.names(time.strftime("%Y%m%d%H%M%S", time.gmtime())):
                return name, _finding("ok", text)
            return name, _finding("note", f"{text}, which has expired since")
    why = "is not one of those who may sign"
    if names:
        why = f"belongs to {shorten(names[0])}, and may not sign for {NAMESPACE}"
    lines = read_bytes(asked.signers).splitlines()
    mine = b"\n".join(s for s in lines if base64.b64encode(asked.key) in s.split())
    for which, raw in VALID.findall(mine) if not names else ():
        limit, late = raw.decode(), which.lower() == b"before"
        if (limit.ljust(14, "0") < at) == late and asked.names(limit):
            why = f"signed at {signed}, but may sign {'until' if late else 'from'} {limit} only"
    return None, _finding("failed", f"{key} {why}", "ask who signed it")


def _finding(outcome: Outcome, text: str, remedy: str = "") -> Finding:
    return Finding("signature", outcome, text, remedy, subject="signature")


def _keygen(*words: str, message: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    """Run ssh-keygen -Y; without a message it may ask a person at a terminal."""
    asks = message is None and os.isatty(0)
    try:
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", *words],
            input=None if asks else message or b"",
            stdout=subprocess.PIPE,
            stderr=None if asks else subprocess.PIPE,
            env=os.environ | {"TZ": "UTC", "SSH_ASKPASS_REQUIRE": "never"},
            timeout=None if asks else LIMIT_S,
            check=False,
        )
    except FileNotFoundError as exc:
        remedy = "install it (Debian: apt install openssh-client)"
        raise UnavailableError("there is no ssh-keygen", remedy) from exc
    except subprocess.TimeoutExpired as exc:
        raise UnavailableError(f"ssh-keygen took longer than {LIMIT_S} s", "try again") from exc
    if done.returncode == 1:  # prints its usage; else it fails with 255
        raise UnavailableError("ssh-keygen is too old for signatures", "install a newer OpenSSH")
    return done
