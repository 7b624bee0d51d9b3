"""Archives: no secret and no host name leaves, the number stays, and evil ones are refused."""

import gzip
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from mrbench.errors import MrbenchError
from mrbench.record import archive
from mrbench.record.archive import unpack
from mrbench.record.pack import masking, secrets_of
from mrbench.record.rundir import RunDir, describe, load
from mrbench.text import is_secret
from toy import mrbench
from toyruns import copy, make_runs, record_of, rewrite

# put together here, so that nobody's scanner takes them for real ones
TOKENS = [
    "gh" + "p_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8",
    "hf" + "_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345",
    "AK" + "IA" + "ABCDEFGHIJKLMNOP",
    "xo" + "xb-" + "123456789012-abcdefGHIJKL",
    "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "plain-but-secret-77",
    "hunter2hunter2",
    "other0secret",
    "opti0nsecret",
]
NAMES = ["node17", "cluster.example.org", "gpu03", "alice"]
PRINTS = (
    f"using {TOKENS[0]} and {TOKENS[1]}",
    f"aws {TOKENS[2]}, chat {TOKENS[3]}",
    f"Authorization: Bearer {TOKENS[4]}",
    "starting on node17.cluster.example.org, NODE17, node17:8080, node170, rank@gpu03",
    f"cloning https://bob:{TOKENS[6]}@example.org/x.git, not ssh://git@example.org/x.git",
    f"'WANDB_API_KEY': '{TOKENS[7]}', TOKENIZERS_PARALLELISM=false; later {TOKENS[7]}",
    f"python x.py --hub-token {TOKENS[8]} in /home/alice/work, by alice",
    f"the key is {TOKENS[5]}",
)
VARIABLES = f"{{TOY_API_KEY: {TOKENS[5]}, MASTER_ADDR: node17, NODELIST: 'gpu[01-03]'}}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str]) -> Path:
    folder = tmp_path_factory.mktemp("made")
    kept = f"host: node17\npassword: {TOKENS[6]}\n"
    (run,) = make_runs(folder, git, 1, prints=PRINTS, variables=VARIABLES, kept=kept)
    return run


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    run = copy(made, tmp_path)
    on_host(run, "node17.cluster.example.org")
    return run


def on_host(run: Path, name: str) -> None:
    """Say that it ran on a machine of that name; this one's cannot be chosen."""
    rewrite(run, lambda r: r["machine"].update(host=name), digest=True)


def pack(run: Path, cwd: Path, name: str = "run.tar.gz") -> tuple[Path, str]:
    done = mrbench("pack", run, "-o", name, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return cwd / name, done.stdout


def unpacked(path: Path, cwd: Path) -> Path:
    into = cwd / "unpacked"
    with tarfile.open(path) as files:
        files.extractall(into, filter="data")
    (record,) = into.rglob("record.json")
    return record.parent


def verify(path: Path, cwd: Path) -> dict[str, Any]:
    done = mrbench("verify", path, "--json", cwd=cwd)
    (answer,) = json.loads(done.stdout)
    assert isinstance(answer, dict)
    assert answer["matches"] == (done.returncode == 0)
    return answer


def test_nothing_secret_leaves_and_the_number_stays(run: Path, tmp_path: Path) -> None:
    path, said = pack(run, tmp_path)
    folder = unpacked(path, tmp_path)
    everything = b"\n".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())
    for word in (*TOKENS, *NAMES):
        assert word.encode() not in everything.lower().replace(b"node170", b"")
        assert word.lower().encode() not in everything.lower().replace(b"node170", b"")
        assert word not in said
    log = (folder / "train.log").read_text()
    for word in ("node170", "ssh://git@example.org/x.git", "TOKENIZERS_PARALLELISM=false"):
        assert word in log
    assert (folder / "train.log").stat().st_size == (run / "train.log").stat().st_size
    before, after = record_of(run), record_of(folder)
    assert after["measurement"] == before["measurement"]
    assert after["packed"]["record"]["digest"] == before["digest"]
    assert after["packed"]["originals"]["train.log"] == before["files"]["train.log"]
    assert {"secret", "host name", "user name"} == after["packed"]["masked"].keys()
    answer = verify(path, tmp_path)
    assert answer["matches"], answer["verdict"]
    notes = [f["text"] for g in answer["groups"].values() for f in g if f["outcome"] == "note"]
    told = [text for text in notes if "masked when packed: cannot be compared" in text]
    assert len(told) == 4  # plan.json twice, train.log, the kept file


def test_the_same_run_packs_to_the_same_bytes(run: Path, tmp_path: Path) -> None:
    one, _ = pack(run, tmp_path, "one.tar.gz")
    elsewhere = shutil.copytree(run, tmp_path / "elsewhere" / run.name)
    other, _ = pack(elsewhere, tmp_path, "other.tar.gz")
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as files:
        members = files.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}
    assert [m.name for m in members] == sorted(m.name for m in members)


def test_what_is_there_is_not_overwritten(run: Path, tmp_path: Path) -> None:
    path, _ = pack(run, tmp_path)
    before = path.read_bytes()
    done = mrbench("pack", run, "-o", path, cwd=tmp_path)
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert path.read_bytes() == before
    again = mrbench("pack", path, "-o", "second.tar.gz", cwd=tmp_path)
    assert again.returncode == 1
    assert "is an archive already" in again.stderr
    assert not list(tmp_path.glob("*.part"))


def test_an_edited_run_is_not_packed(run: Path, tmp_path: Path) -> None:
    """Its digests would be made anew, and it would look untouched."""
    (run / "kept" / "notes.txt").write_text("edited\n")
    done = mrbench("pack", run, "-o", "run.tar.gz", cwd=tmp_path)
    assert done.returncode == 7
    assert "kept/notes.txt" in done.stderr
    assert not (tmp_path / "run.tar.gz").exists()


@pytest.mark.parametrize(
    ("host", "reason"), [("a", "shorter than 3 characters"), ("train", "a word that logs use")]
)
def test_a_host_named_like_a_word_does_not_wreck_the_log(
    run: Path, tmp_path: Path, host: str, reason: str
) -> None:
    on_host(run, host)
    path, said = pack(run, tmp_path)
    assert f"NOT masked, look for yourself: a host name in texts ({reason})" in said
    folder = unpacked(path, tmp_path)
    assert record_of(folder)["machine"]["host"] == "*" * len(host)
    assert "\ntraining\niter: 10 loss" in (folder / "train.log").read_text()
    assert verify(path, tmp_path)["matches"]


def test_a_host_name_that_the_number_needs_stays_in_the_log(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masking, "WORDS", frozenset())
    on_host(run, "iter")
    from mrbench.record.pack import pack as pack_it

    with archive.opened(str(run), tmp_path) as opened:
        packed = pack_it(opened, tmp_path / "run.tar.gz")
    assert packed.packed
    assert any("the log would read otherwise" in text for text in packed.packed.left)
    answer = verify(tmp_path / "run.tar.gz", tmp_path)
    assert answer["matches"], answer
    log = (unpacked(tmp_path / "run.tar.gz", tmp_path) / "train.log").read_text()
    assert "iter: 30" in log
    assert not any(token in log for token in TOKENS)


def test_an_edited_archive_is_found(run: Path, tmp_path: Path) -> None:
    path, _ = pack(run, tmp_path)
    folder = unpacked(path, tmp_path)
    log = (folder / "train.log").read_bytes()
    (folder / "train.log").write_bytes(log.replace(b"loss: 0.5", b"loss: 0.4", 1))
    with tarfile.open(tmp_path / "edited.tar.gz", "w:gz") as files:
        files.add(folder, arcname="toys/toy/" + folder.name)
    answer = verify(tmp_path / "edited.tar.gz", tmp_path)
    found = [f["key"] for g in answer["groups"].values() for f in g if f["outcome"] == "failed"]
    assert found == ["files.train.log.sha256"]
    rewrite(folder, lambda r: r["packed"]["originals"]["plan.json"].update(sha256="0"), digest=True)
    (folder / "train.log").write_bytes(log)
    answer = verify(folder, tmp_path)
    found = [f["key"] for g in answer["groups"].values() for f in g if f["outcome"] == "failed"]
    assert found == ["plan_digest"]


def member(name: str, **kinds: Any) -> tarfile.TarInfo:  # noqa: ANN401 - as TarInfo's fields are
    made = tarfile.TarInfo(name)
    for key, value in kinds.items():
        setattr(made, key, value)
    return made


EVIL = [
    (member("../record.json"), "would leave the folder"),
    (member("/tmp/record.json"), "would leave the folder"),  # noqa: S108 - refused
    (member("a/../../record.json"), "would leave the folder"),
    (member("a/train.log", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "is not a plain file"),
    (member("a/train.log", type=tarfile.LNKTYPE, linkname="../x"), "is not a plain file"),
    (member("a/train.log", type=tarfile.FIFOTYPE), "is not a plain file"),
    (member("a/train.log", type=tarfile.CHRTYPE), "is not a plain file"),
    (member("b/train.log"), "holds 'b/train.log' beside its run"),
]


@pytest.mark.parametrize(("evil", "message"), EVIL, ids=lambda v: getattr(v, "name", None))
def test_evil_archives_are_refused(evil: tarfile.TarInfo, message: str, tmp_path: Path) -> None:
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as files:
        files.addfile(member("a/record.json", size=2), io.BytesIO(b"{}"))
        files.addfile(evil)
    done = mrbench("verify", path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_archives_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tar.gz").write_text("no archive\n")
    with gzip.open(tmp_path / "cut.tar.gz", "wb") as out:
        out.write(b"x" * 5000)
    whole = (tmp_path / "cut.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[:-9])
    with tarfile.open(tmp_path / "two.tar.gz", "w:gz") as files:
        for name in ("a/record.json", "b/record.json"):
            files.addfile(member(name, size=2), io.BytesIO(b"{}"))
    with tarfile.open(tmp_path / "twice.tar.gz", "w:gz") as files:
        for _ in range(2):
            files.addfile(member("a/record.json", size=2), io.BytesIO(b"{}"))
    with tarfile.open(tmp_path / "under.tar.gz", "w:gz") as files:
        for name in ("a/record.json", "a/record.json/b"):
            files.addfile(member(name, size=2), io.BytesIO(b"{}"))
    for name in ("text", "cut", "two", "twice", "under"):
        done = mrbench("verify", f"{name}.tar.gz", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, ""), name
        assert "give an archive that `mrbench pack` made" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_an_archive_that_unpacks_to_any_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1 << 20)
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as files:
        files.addfile(member("a/record.json", size=1 << 22), io.BytesIO(bytes(1 << 22)))
    (tmp_path / "into").mkdir()
    with pytest.raises(MrbenchError, match="unpacks to more than"):
        unpack(tmp_path / "bomb.tar.gz", tmp_path / "into")


def test_an_archive_with_holes_is_refused(tmp_path: Path) -> None:
    """GNU tar packs a sparse file of any size into a few bytes."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "record.json").write_text("{}")
    with (tmp_path / "a" / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    for form in ("gnu", "posix"):
        words = ["tar", f"--format={form}", "-S", "-czf", f"{form}.tar.gz", "a"]
        subprocess.run(words, cwd=tmp_path, check=True)
        done = mrbench("verify", f"{form}.tar.gz", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, ""), form
        assert "'a/sparse', which is not a plain file" in done.stderr


def test_what_is_too_large_to_verify_is_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "a"
    (run / "kept").mkdir(parents=True)
    (run / "record.json").write_text("{}")
    with (run / "kept" / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(MrbenchError, match=r"2 files, 1024\.0 GiB together, more than"):
        archive.check_bounds(RunDir(run), "a")
    (run / "kept" / "sparse").unlink()
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    archive.check_bounds(RunDir(run), "a")
    for name in "xyz":
        (run / "kept" / name).touch()
    with pytest.raises(MrbenchError, match="4 files"):
        archive.check_bounds(RunDir(run), "a")


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ("gpu[01-03,7],login1", ["gpu01", "gpu02", "gpu03", "gpu7", "login1"]),
        ("a1:8,b2:8", ["a1", "b2"]),
        ("n[8-10]-ib", ["n8-ib", "n9-ib", "n10-ib"]),
        ("", []),
    ],
)
def test_node_lists_are_expanded(nodes: str, names: list[str]) -> None:
    assert list(masking.expand(nodes)) == names


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("WANDB_API_KEY", True),
        ("HF_TOKEN", True),
        ("DB_PASSWORD", True),
        ("aws-session-token", True),
        ("APIKEY", True),
        ("PGPASSWORD", True),
        ("SSHPASS", True),
        ("MONKEY", False),
        ("BYPASS_CACHE", False),
        ("TURKEY_PRIVATELY", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("PYTHONPATH", False),
        ("OMP_NUM_THREADS", False),
        ("CUDA_VISIBLE_DEVICES", False),
        ("NCCL_SOCKET_IFNAME", False),
    ],
)
def test_which_variables_are_secret(name: str, secret: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_secret(name) == secret


def test_secrets_on_the_command_line_are_found() -> None:
    command = ["python", "x.py", "--wandb-token", "t0ken-value", "--epochs", "3", "--hf-key=k"]
    variables = {"B_KEY": "key-value", "OMP_NUM_THREADS": "2"}
    (path,) = (Path(__file__).parent / "kept" / "smoke" / "torchvision").glob("*/record.json")
    record = load(path)
    plan = replace(record.plan, command=tuple(command), variables=variables)
    assert set(secrets_of(replace(record, plan=plan))) == {b"t0ken-value", b"key-value"}
    text = b"--hub-token k3y --max-tokens 7 --secret=x7"
    assert set(masking.secrets_in(text)) == {b"k3y", b"x7"}


@pytest.mark.parametrize("part", [b"-eyJ", b"-sk-", b"--a", b"://a:", b"A_", b"node17.", b"-"])
def test_a_long_line_takes_no_longer_than_many_short_ones(part: bytes) -> None:
    """Were it quadratic, each of these would take minutes."""
    masks = [*masking.PATTERNS, *masking.name_masks("host name", ["login1"])]
    text = part * ((1 << 20) // len(part))
    assert masking.apply(masks, text) == (text, {})


def test_an_ordinary_log_stays_as_it_is() -> None:
    kept = Path(__file__).parent / "kept" / "smoke"
    for path in sorted(kept.glob("*/*/train.log.gz")):
        log = gzip.decompress(path.read_bytes())
        assert masking.apply(masking.PATTERNS, log) == (log, {}), path
        assert not set(masking.users_in(log)), path


def test_a_kept_run_can_be_packed(tmp_path: Path) -> None:
    (folder,) = (Path(__file__).parent / "kept" / "smoke" / "tensorpack").iterdir()
    path, _ = pack(folder, tmp_path)
    packed = unpacked(path, tmp_path)
    log = gzip.decompress((folder / "train.log.gz").read_bytes())
    assert describe(packed / "train.log").size_bytes == len(log)
    assert verify(path, tmp_path)["matches"]
