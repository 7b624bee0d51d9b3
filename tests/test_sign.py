"""Signed archives: who signed what is found, by real ssh-keygen, ssh-agent and git."""

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from keptruns import kept_run
from needs import skip_without
from terminal import mrbench_on
from toy import mrbench
from waiting import wait_for

RUN = "run.tar.gz"
STATEMENT, SIGNATURE = f"{RUN}.intoto.json", f"{RUN}.intoto.json.sig"


def keygen(*words: str | Path, stdin: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ssh-keygen as a user would."""
    with (stdin or Path(os.devnull)).open() as file:
        command = ["ssh-keygen", "-q", *map(str, words)]
        return subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)


class Desk(NamedTuple):
    """A folder with a signed archive and the keys of two people."""

    folder: Path

    def allow(self, name: str = "alice", options: str = "") -> None:
        """Write the file of those who may sign."""
        public = (self.folder / f"{name}.pub").read_text()
        line = f"{name}@example.org {options} {public}".replace("  ", " ")
        (self.folder / "signers").write_text(f"# who may sign\n{line}")

    def edit(self, old: str, new: str) -> None:
        """Change the statement."""
        text = (self.folder / STATEMENT).read_text()
        assert old in text
        (self.folder / STATEMENT).write_text(text.replace(old, new))

    def sign(self, name: str = "alice", namespace: str = "mrbench") -> None:
        """Sign the statement as it is, by hand."""
        (self.folder / SIGNATURE).unlink()
        key = self.folder / name
        done = keygen("-Y", "sign", "-n", namespace, "-f", key, self.folder / STATEMENT)
        assert done.returncode == 0, done.stderr

    def at(self, signed: str) -> None:
        """Let alice sign at another time."""
        text = (self.folder / STATEMENT).read_text()
        (self.folder / STATEMENT).write_text(re.sub('(?<="signed": ")[^"]*', signed, text))
        self.sign()

    def verify(self, code: int, *words: str) -> dict[str, Any]:
        """Verify the archive; return the one finding on its signature."""
        done = mrbench("verify", RUN, "--json", *words, cwd=self.folder)
        assert done.returncode == code, done.stdout + done.stderr
        (answer,) = json.loads(done.stdout)
        failed = [
            f for group in answer["groups"].values() for f in group if f["outcome"] == "failed"
        ]
        of_it = answer["groups"]["signature"]
        assert all(finding in of_it for finding in failed)
        (finding,) = failed or of_it
        assert isinstance(finding, dict)
        return finding


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    skip_without("signing")
    folder = tmp_path_factory.mktemp("signed")
    for name, phrase in (("alice", ""), ("bob", ""), ("locked", "secret")):
        keygen("-t", "ed25519", "-N", phrase, "-C", "", "-f", folder / name)
    run = kept_run("today-smoke", "minimask")
    done = mrbench("sign", run, "-o", RUN, "--key", "alice", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"signed with alice: {STATEMENT}, {SIGNATURE}" in done.stdout
    return folder


@pytest.fixture
def desk(signed: Path, tmp_path: Path) -> Desk:
    made = Desk(shutil.copytree(signed, tmp_path / "desk"))
    made.allow()
    return made


def test_a_signature_is_checked_with_and_without_signers_and_by_openssh_alone(desk: Desk) -> None:
    finding = desk.verify(0, "--signers", "signers")
    assert finding["outcome"] == "ok"
    assert finding["text"].startswith("signed by alice@example.org at 20")
    fingerprint = keygen("-l", "-f", desk.folder / "alice.pub").stdout.split()[1]
    alone = desk.verify(0)
    assert alone["outcome"] == "note"
    assert f"{fingerprint}; nobody says whose key that is" in alone["text"]
    words = ("-f", desk.folder / "signers", "-I", "alice@example.org", "-n", "mrbench")
    given = (*words, "-s", desk.folder / SIGNATURE)
    assert keygen("-Y", "verify", *given, stdin=desk.folder / STATEMENT).returncode == 0


def test_the_statement_is_in_totos_and_has_the_archives_digest_and_number(desk: Desk) -> None:
    statement = json.loads((desk.folder / STATEMENT).read_text())
    sha256 = subprocess.run(
        ["sha256sum", desk.folder / RUN], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "urn:mrbench:run:v1"
    record = json.loads((kept_run("today-smoke", "minimask") / "record.json").read_text())
    assert statement["subject"] == [{"name": record["id"], "digest": {"sha256": sha256}}]
    said = statement["predicate"]
    assert said["measurement.throughput"] == record["measurement"]["throughput"]
    assert said["workspace.tree"] == record["workspace"]["tree"]
    assert said["packed.record.digest"] == record["digest"]


def exchange(desk: Desk) -> None:
    (desk.folder / RUN).unlink()
    other = kept_run("today-smoke", "torchvision")
    assert mrbench("pack", other, "-o", RUN, cwd=desk.folder).returncode == 0


def claim_more(desk: Desk) -> None:
    desk.edit('.throughput": 0.', '.throughput": 1.')


def claim_more_and_sign(desk: Desk) -> None:
    claim_more(desk)
    desk.sign()


def claim_more_and_let_bob_sign(desk: Desk) -> None:
    claim_more(desk)
    desk.sign("bob")


def name_another_kind(desk: Desk) -> None:
    desk.edit("urn:mrbench:run:v1", "https://slsa.dev/provenance/v1")
    desk.sign()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (exchange, "subject[0]."),
        (claim_more, "is not what was signed for mrbench ("),
        (claim_more_and_sign, "predicate.measurement.throughput: signed 1."),
        (name_another_kind, "predicateType: "),
        (lambda desk: desk.sign("bob"), "signers does not let the key SHA256:"),
        (lambda desk: desk.allow("bob"), "signers does not let the key SHA256:"),
        (
            lambda desk: (desk.folder / "signers").write_text(""),
            "signers does not let the key SHA256:",
        ),
        (lambda desk: desk.sign(namespace="git"), "namespace"),
        (lambda desk: desk.allow(options='namespaces="git"'), "(signers:2: "),
        (lambda desk: desk.allow(options='valid-before="2026"'), "(signers:2: "),
        (lambda desk: desk.at("2100-01-01T00:00:00Z"), "2100-01-01T00:00:00Z, in the future"),
        (lambda desk: desk.at("yesterday"), "predicate.signed: "),
        (lambda desk: (desk.folder / SIGNATURE).unlink(), "cannot be read (No such file"),
        (lambda desk: os.truncate(desk.folder / SIGNATURE, 1 << 30), "is longer than a signature"),
        (lambda desk: (desk.folder / STATEMENT).unlink(), "cannot be read (No such file"),
        (
            lambda desk: (desk.folder / SIGNATURE).write_text("mine"),
            "is not what was signed for mrbench (",
        ),
    ],
)
def test_what_does_not_hold_is_told_in_one_line(
    desk: Desk, change: Callable[[Desk], object], text: str
) -> None:
    change(desk)
    finding = desk.verify(7, "--signers", "signers")
    assert text in finding["text"]
    assert finding["remedy"]
    done = mrbench("verify", RUN, "--signers", "signers", cwd=desk.folder)
    assert "NOT as recorded: see signature" in done.stdout


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ('valid-before="20260101"', 7, "valid-before 2026-01-01"),
        ('valid-after="20260301"', 7, "valid-after 2026-03-01"),
        ('valid-after="20250101",valid-before="20260101Z"', 7, "valid-before 2026-01-01"),
        ('valid-before="202602010000"', 0, "which has expired since"),
        ('valid-after="20260131",valid-before="29990101"', 0, "signed by alice@example.org"),
    ],
)
def test_a_key_is_judged_at_the_time_of_the_statement(
    desk: Desk, options: str, code: int, text: str
) -> None:
    desk.at("2026-01-31T12:00:00Z")
    desk.allow(options=options)
    assert text in desk.verify(code, "--signers", "signers")["text"]


def test_who_asks_for_a_signer_gets_no_unsigned_run(desk: Desk) -> None:
    for path in (desk.folder / STATEMENT, desk.folder / SIGNATURE):
        path.unlink()
    assert desk.verify(7, "--signers", "signers")["text"] == "not signed"
    done = mrbench("verify", RUN, cwd=desk.folder)
    assert done.returncode == 0
    assert "signature" not in done.stdout


def test_who_may_sign_is_read_before_any_run(desk: Desk) -> None:
    os.mkfifo(desk.folder / "pipe")
    for name, why in (("nobody", "No such file or directory"), ("pipe", "Not a regular file")):
        done = mrbench("verify", RUN, RUN, "--signers", name, cwd=desk.folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"mrbench: {name}: cannot be read ({why}); check the path\n"


def test_a_line_of_the_signers_that_openssh_passes_over_is_named(desk: Desk) -> None:
    signers = desk.folder / "signers"
    signers.write_text(f"bob@example.org ssh-ed25519 AAAA\n{signers.read_text()}")
    finding = desk.verify(0, "--signers", "signers")
    assert finding["outcome"] == "note"
    assert finding["text"].startswith("signed by alice@example.org at 20")
    assert "; passed over: signers:1: " in finding["text"]


def test_damaged_bytes_are_not_those_that_were_signed(desk: Desk) -> None:
    content = bytearray((desk.folder / RUN).read_bytes())
    for at in range(20, len(content), len(content) // 8):
        damaged = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        (desk.folder / RUN).write_bytes(damaged)
        done = mrbench("verify", RUN, cwd=desk.folder)
        assert done.returncode == 7
        told = " ".join((done.stdout + done.stderr).split())
        assert "the archive is not the one that was signed" in told or "subject[0]" in told


@pytest.fixture
def unsigned(desk: Desk) -> Desk:
    for path in (desk.folder / STATEMENT, desk.folder / SIGNATURE):
        path.unlink()
    return desk


def test_a_passphrase_is_asked_for_at_a_terminal_alone(unsigned: Desk) -> None:
    done = mrbench("sign", RUN, "--key", "locked", cwd=unsigned.folder)
    assert (done.returncode, done.stdout) == (4, "")
    (line,) = done.stderr.splitlines()
    assert "locked: ssh-keygen cannot sign: " in line
    assert "a passphrase needs a terminal or ssh-agent" in line
    assert not (unsigned.folder / STATEMENT).exists()
    words = ("sign", RUN, "--key", "locked")
    with mrbench_on(100, 20, *words, cwd=unsigned.folder) as (terminal, process):
        terminal.wait_for(lambda lines: any("passphrase" in line for line in lines))
        os.write(terminal.master, b"secret\n")
        terminal.wait_for_end(process)
    assert process.returncode == 0
    unsigned.allow("locked")
    assert "signed by locked@example.org" in unsigned.verify(0, "--signers", "signers")["text"]


def test_a_public_key_is_signed_with_by_an_agent_and_named_in_gits_settings(
    unsigned: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = unsigned.folder
    with tempfile.TemporaryDirectory() as short:  # a socket's path has 107 bytes at most
        socket = Path(short, "agent")
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
        try:
            wait_for(socket.exists)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
            subprocess.run(["ssh-add", "-q", folder / "alice"], check=True, stderr=subprocess.PIPE)
            (folder / "alice").unlink()
            (Path.home() / ".gitconfig").write_text(
                f"[gpg]\nformat = ssh\n[user]\nsigningkey = {folder}/alice.pub\n"
            )
            done = mrbench("sign", RUN, "--json", cwd=folder)
        finally:
            agent.terminate()
            agent.wait()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["signature"] == SIGNATURE
    assert unsigned.verify(0, "--signers", "signers")["outcome"] == "ok"


def test_without_a_key_or_with_a_wrong_one_nothing_is_written(unsigned: Desk) -> None:
    done = mrbench("sign", RUN, cwd=unsigned.folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert ".ssh/id_ed25519: ssh-keygen cannot sign: " in done.stderr
    assert "No such file or directory; name another with --key" in done.stderr
    done = mrbench("sign", RUN, "--key", "signers", cwd=unsigned.folder)
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 1
    assert not (unsigned.folder / STATEMENT).exists()
    (Path.home() / ".ssh").mkdir()
    shutil.copy(unsigned.folder / "alice", Path.home() / ".ssh" / "id_ed25519")
    done = mrbench("sign", RUN, cwd=unsigned.folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "id_ed25519: " in done.stdout
    again = mrbench("sign", RUN, cwd=unsigned.folder)
    assert (again.returncode, again.stdout) == (1, "")
    assert f"{STATEMENT}: exists already" in again.stderr


def test_what_is_not_as_recorded_is_not_signed(unsigned: Desk, tmp_path: Path) -> None:
    with tarfile.open(unsigned.folder / RUN) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (record,) = (tmp_path / "unpacked").glob("*/*/*/record.json")
    record.write_text(record.read_text().replace('"throughput": 0.3', '"throughput": 0.9'))
    (unsigned.folder / RUN).unlink()
    with tarfile.open(unsigned.folder / RUN, "w:gz") as archive:
        archive.add(tmp_path / "unpacked", ".")
    done = mrbench("sign", RUN, "--key", "alice", cwd=unsigned.folder)
    assert (done.returncode, done.stdout) == (7, "")
    (line,) = done.stderr.splitlines()
    assert "not signed: NOT as recorded: see " in line
    assert ".;" not in line
    folder = mrbench("sign", tmp_path, "--key", "alice", cwd=unsigned.folder)
    assert folder.returncode == 2
    assert "no archive; pack a run with -o NAME.tar.gz" in folder.stderr


def test_a_machine_without_openssh_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(desk.folder))
    assert desk.verify(0)["text"] == "ssh-keygen cannot be run"
    done = mrbench("verify", RUN, "--signers", "signers", cwd=desk.folder)
    assert done.returncode == 4
    assert "apt install openssh-client" in done.stderr
