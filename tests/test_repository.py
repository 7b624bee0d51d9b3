"""A results repository: what it takes, and what its check says of what does not belong there."""

import contextlib
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

import ledgers
from archives import make_key
from keptruns import kept_run
from manyruns import KEPT
from mrbench.cli import command_names
from mrbench.results.repository.layout import walk
from needs import skip_without
from toy import make_suite, mrbench

Git = Callable[..., str]
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the keys of two people."""
    skip_without("signing")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("alice", "bob"):
        make_key(folder / name)
    return folder


def trust(repository: Path, keys: Path, name: str) -> None:
    """Let a person's signatures count."""
    key = (keys / f"{name}.pub").read_text()
    with (repository / "allowed_signers").open("a") as file:
        file.write(f'{name}@example.org namespaces="mrbench" {key}')


def commit(repository: Path, git: Git) -> str:
    git(repository, "add", "--all")
    git(repository, "commit", "-qm", "more")
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, keys: Path, git: Git) -> Path:
    """Make a repository with a signed run of minimask and one of litgpt, which nobody signed."""
    folder = tmp_path_factory.mktemp("made") / "results"
    done = mrbench("results", "init", folder, cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    trust(folder, keys, "alice")
    commit(folder, git)
    run = kept_run("today-smoke", "minimask")
    done = mrbench("results", "add", run, "--key", keys / "alice", cwd=folder)
    assert (done.returncode, done.stdout.count("added ")) == (0, 3), done.stderr
    run = kept_run("tokens-smoke", "litgpt")
    done = mrbench("results", "add", run, "--dir", folder, "--no-sign", cwd=folder.parent)
    assert (done.returncode, done.stdout.count("added ")) == (0, 1), done.stderr
    commit(folder, git)
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may change."""
    return shutil.copytree(made, tmp_path / "results", symlinks=True)


def check(folder: Path, *words: object) -> tuple[int, str]:
    """Return the exit code of a check, and what it says."""
    done = mrbench("results", "check", *words, "--json", cwd=folder)
    assert done.stdout, done.stderr
    findings = json.loads(done.stdout)["checks"]
    lines = (f"{each['file']}: {each['text']} -> {each['remedy']}\n" for each in findings)
    return done.returncode, "".join(lines)


def test_what_was_added_holds_and_has_one_place(made: Path, tmp_path: Path) -> None:
    code, told = check(made)
    assert code == 0, told
    assert "0.362 img/s computed again" in told
    assert "by alice@example.org at " in told
    assert "unsigned: nobody vouches for it" in told
    paths, _ = walk(made)
    assert [path.split("/")[1:4] for path in paths] == [
        ["today-smoke", "cpu-amd-epyc-x2", "minimask"],
        ["tokens-smoke", "cpu-intel-xeon-x2", "litgpt"],
    ]
    for again in (kept_run("tokens-smoke", "litgpt"), made / paths[1]):
        done = mrbench("results", "add", again, "--dir", made, "--no-sign", cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert f"{paths[1]}: is there already: the same run" in done.stderr


def test_keys_of_a_repository_without_commits_are_told(tmp_path: Path) -> None:
    assert mrbench("results", "init", "new", cwd=tmp_path).returncode == 0
    code, told = check(tmp_path / "new")
    assert code == 0
    assert "allowed_signers is not in the last commit, whose keys count -> commit it" in told


def test_keys_that_are_not_committed_are_told(results: Path, keys: Path, git: Git) -> None:
    trust(results, keys, "bob")
    code, told = check(results)
    assert code == 0
    assert "allowed_signers is altered since the last commit, whose keys count" in told
    commit(results, git)
    assert "is altered" not in check(results)[1]
    assert "is altered since HEAD~1, whose keys count" in check(results, "--since", "HEAD~1")[1]


def test_a_run_from_before_digests_has_the_place_that_its_check_expects(results: Path) -> None:
    (run,) = (KEPT / "format2" / "smoke" / "detectron2").iterdir()
    done = mrbench("results", "add", run, "--no-sign", cwd=results)
    assert done.returncode == 0, done.stderr
    code, told = check(results)
    assert code == 0, told


def test_the_workflow_is_valid_and_runs_commands_that_there_are(made: Path) -> None:
    path = made / ".github" / "workflows" / "results.yml"
    words = ("--builtin-schema", "vendor.github-workflows", path)
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    text = path.read_text()
    assert set(re.findall(r"mrbench ([a-z]+)", text)) <= {*command_names()}
    assert all(re.search(r"@[0-9a-f]{40} # v", line) for line in re.findall("uses: .*", text))
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert yaml.safe_load(text)["env"] == {"DIR": "."}


def archive(folder: Path, name: str = "minimask") -> Path:
    (found,) = folder.glob(f"runs/*/*/{name}/*.tar.gz")
    return found


def altered(folder: Path, **_: object) -> None:
    """Write another number into an archive's record, with new digests."""
    with repacked(archive(folder)) as run:
        record = json.loads((run / "record.json").read_bytes())
        record["measurement"]["throughput"] *= 2
        ledgers.change(run, measurement=record["measurement"])


def once_more(folder: Path, **_: object) -> None:
    """Give a copy of an archive the name of another run."""
    path = archive(folder)
    other = shutil.copy(path, path.with_name("20261130T023404Z-ffffffffffff.tar.gz"))
    with repacked(Path(other)) as run:
        record = json.loads((run / "record.json").read_bytes())
        record["packed"]["record"]["digest"] = "f" * 64
        ledgers.change(run, packed=record["packed"])


@contextlib.contextmanager
def repacked(path: Path) -> Iterator[Path]:
    """Unpack an archive, and pack it again as it is then."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(path) as packed:
            packed.extractall(folder, filter="data")
            name = packed.getnames()[0]
        run = Path(folder, name).parent
        yield run
        with tarfile.open(path, "w:gz") as packed:
            packed.add(run, Path(name).parent)


def damaged(folder: Path, **_: object) -> None:
    archive(folder).write_bytes(gzip.compress(b"nothing"))


def statement_altered(folder: Path, **_: object) -> None:
    path = archive(folder).with_name(f"{archive(folder).name}.intoto.json")
    path.write_text(path.read_text().replace('"valid', '"invalid'))


def elsewhere(folder: Path, **_: object) -> None:
    path = archive(folder, "litgpt")
    other = folder / "runs" / "tokens-smoke" / "8x-h100" / "litgpt" / path.name
    other.parent.mkdir(parents=True)
    shutil.copy(path, other)


def in_a_folder_called_as_an_archive(folder: Path, **_: object) -> None:
    other = folder / "runs" / "tokens-smoke.tar.gz" / "x" / "litgpt" / "1.tar.gz"
    other.parent.mkdir(parents=True)
    other.write_bytes(gzip.compress(b"nothing"))


def linked(folder: Path, **_: object) -> None:
    (folder / "runs" / "all").symlink_to("/")


def called_otherwise(folder: Path, **_: object) -> None:
    (folder / "runs" / "a \x1b[31m.tar.gz").write_text("")


def bob_vouches(folder: Path, keys: Path) -> None:
    """Add a key, and what is signed by it, in one change."""
    trust(folder, keys, "bob")
    run = kept_run("today-smoke", "torchvision")
    assert mrbench("results", "add", run, "--key", keys / "bob", cwd=folder).returncode == 0


def no_registration(folder: Path, **_: object) -> None:
    (folder / "registrations").mkdir()
    (folder / "registrations" / "plan.json").symlink_to("/dev/zero")


def linked_as_a_whole(folder: Path, **_: object) -> None:
    (folder / "runs").rename(folder / "others")
    (folder / "runs").symlink_to("others")


WRONG = {
    linked_as_a_whole: "runs: is no file runs/SUITE/HARDWARE",
    altered: "measurement.throughput: recorded 0.72361",
    damaged: "the archive is not the one that was signed",
    statement_altered: "is not what was signed",
    lambda folder, **_: archive(folder).unlink(): "was there before, and is removed",
    elsewhere: "is to be moved to runs/tokens-smoke/cpu-intel-xeon-x2/litgpt/",
    in_a_folder_called_as_an_archive: "runs/tokens-smoke.tar.gz/x/litgpt/1.tar.gz: cannot be read",
    once_more: "is the same run as runs/today-smoke/cpu-amd-epyc-x2/minimask/20261130T023404Z-e8c8",
    linked: "runs/all: is no file runs/SUITE/HARDWARE",
    called_otherwise: "m.tar.gz: is no file runs/SUITE/HARDWARE/IMPLEMENTATION/NAME.tar.gz",
    bob_vouches: "allowed_signers does not let the key SHA256:",
    no_registration: "registrations/plan.json: cannot be read",
}


@pytest.mark.parametrize("change", WRONG, ids=WRONG.values())
def test_a_change_that_does_not_hold_is_refused(
    change: Callable[..., None], results: Path, keys: Path, git: Git
) -> None:
    base = git(results, "rev-parse", "HEAD")
    change(results, keys=keys)
    commit(results, git)
    code, told = check(results, "--since", base)
    assert code == 7, told
    assert WRONG[change] in told
    assert mrbench("results", "check", cwd=results).stdout.replace("\n", "").isprintable()


def test_the_workflows_own_commands_refuse_it_at_its_file(results: Path, tmp_path: Path) -> None:
    workflow = yaml.safe_load((results / ".github" / "workflows" / "results.yml").read_text())
    steps = [
        step for step in workflow["jobs"]["check"]["steps"] if "mrbench " in step.get("run", "")
    ]
    variables = {"DIR": ".", "BEFORE": "main", "MRBENCH_HOME": str(tmp_path / "home")}
    variables["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ends = []
    for change in (None, altered):
        if change:
            change(results)
        for step in steps:
            command = ["bash", "-c", step["run"]]
            done = subprocess.run(
                command, cwd=results, env=variables, capture_output=True, text=True, check=False
            )
            ends.append((done.returncode, done.stdout + done.stderr))
    assert [code for code, _ in ends] == [0, 0, 7, 7], ends
    assert (results / "site" / "index.html").exists()
    name = archive(results).relative_to(results)
    told = f"::error file={name},title=minimask/{name.name[:-7]}%3A number failed::measurement"
    assert told in ends[2][1]
    told = mrbench("results", "check", "--since", "main", cwd=results).stdout
    shown = (ROOT / "docs" / "results-repository.md").read_text().partition("--since main\nmr")[2]
    assert "mr" + shown.partition("...\n")[0] in told
    _, told = check(results, "--since", "0" * 40)  # of a first push
    assert "was there before" not in told


def test_a_repository_without_runs_holds_and_has_a_page(tmp_path: Path) -> None:
    assert mrbench("results", "init", "results", cwd=tmp_path).returncode == 0
    assert mrbench("results", "check", "results", "--since", "0" * 40, cwd=tmp_path).returncode == 0
    done = mrbench("results", "build", "results", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "site/index.html: 0 runs\n"), done.stderr
    assert "No runs yet: mrbench results add RUN." in (tmp_path / "site/index.html").read_text()


def test_registered_runs_were_registered_before_they_came_in(tmp_path: Path, git: Git) -> None:
    recipe = make_suite(tmp_path, git)
    words = ("--recipe", recipe)
    register = ("register", *words, "--repeat", 2, "-o", "plan.json")
    assert mrbench(*register, cwd=tmp_path).returncode == 0
    assert mrbench("run", *words, "--registered", "plan.json", cwd=tmp_path).returncode == 0
    one, two = sorted(tmp_path.glob("runs/toys/toy/*/"))
    folder = tmp_path / "results"
    mrbench("results", "init", folder, cwd=tmp_path)
    empty = commit(folder, git)
    add = ("results", "add", "--dir", folder, "--no-sign")
    done = mrbench(*add, one, cwd=tmp_path)
    assert (done.returncode, "add its file" in done.stderr) == (1, True)
    assert not (folder / "runs").exists()
    assert mrbench(*add, "plan.json", one, cwd=tmp_path).returncode == 0
    together = commit(folder, git)
    for since in ((), ("--since", empty)):
        code, told = check(folder, *since)
        assert (code, "which was not there beforehand" in told) == (7, True), told
        assert "1 of 2 registered runs of toy" in told
    assert mrbench(*add, two, cwd=tmp_path).returncode == 0
    commit(folder, git)
    code, told = check(folder, "--since", together)
    assert (code, "2 of 2 registered runs of toy" in told) == (0, True), told
    # a third one, of a ledger that was written anew
    three = two.with_name(f"20990101T000000Z-{two.name.split('-')[1]}")
    shutil.copytree(two, three)
    record = json.loads((three / "record.json").read_bytes())
    place = record["ledger"] | {"digest": "0" * 64}
    name = three.relative_to(tmp_path / "runs").as_posix()
    ledgers.change(three, id=name, started="2099-01-01T00:00:00Z", ledger=place)
    done = mrbench(*add, three, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    code, told = check(folder, "--since", "HEAD")
    assert (code, "3 of 2 registered runs of toy" in told) == (7, True), told
    assert "two, or one written anew" in told
    git(folder, "rm", "-qf", *git(folder, "ls-files", "registrations").split())
    code, told = check(folder, "--since", "HEAD")
    assert (code, "which is not in registrations/" in told) == (7, True), told


def test_what_cannot_be_added_leaves_nothing_behind(results: Path, tmp_path: Path) -> None:
    run = shutil.copytree(kept_run("today-smoke", "torchvision"), tmp_path / "a" / "b" / "c")
    before = sorted(results.rglob("*"))
    (tmp_path / "nokey").write_text("none")
    (tmp_path / "plan.json").write_text("{}")
    for words, code, text in (
        ((run, "--key", tmp_path / "nokey"), 4, "cannot sign"),
        ((tmp_path / "plan.json",), 1, "plan.json: digest: missing"),
        (("nothing", "--no-sign"), 1, "no run 'nothing'"),
    ):
        done = mrbench("results", "add", *words, "--dir", results, cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
        assert text in done.stderr
    linked_out = shutil.copytree(results, tmp_path / "linked", symlinks=True)
    shutil.rmtree(linked_out / "runs")
    (linked_out / "runs").symlink_to(tmp_path / "elsewhere")
    done = mrbench("results", "add", run, "--no-sign", "--dir", linked_out, cwd=tmp_path)
    assert (done.returncode, "is behind a link" in done.stderr) == (1, True)
    assert not (tmp_path / "elsewhere").exists()
    ledgers.change(run, started="2026-01-01T00:00:00Z", reason="better")
    (run / "exit.json").write_text("{}")
    done = mrbench("results", "add", run, "--no-sign", "--dir", results, cwd=tmp_path)
    assert (done.returncode, "is not as recorded" in done.stderr) == (7, True)
    assert sorted(results.rglob("*")) == before


def test_where_there_is_no_repository_one_line_says_so(results: Path, tmp_path: Path) -> None:
    for words, text in (
        (("check", tmp_path), "is no results repository; name another folder; `mrbench results"),
        (("check", results / "elsewhere"), "elsewhere: is no results repository"),
        (("check", results, "--since=-x"), "--since '-x': no such commit"),
        (("add", "x.json", "--dir", tmp_path), "x.json"),
    ):
        done = mrbench("results", *words, cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done
        assert text in done.stderr


def test_a_folder_of_a_repository_can_be_one(tmp_path: Path, git: Git) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("runs/\n")
    folder = tmp_path / "bench" / "results"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("mine")
    assert mrbench("results", "init", folder, cwd=tmp_path).returncode == 0
    assert (folder / "README.md").read_text() == "mine"
    workflow = yaml.safe_load((tmp_path / ".github" / "workflows" / "results.yml").read_text())
    assert workflow["env"]["DIR"] == "bench/results"
    commit(tmp_path, git)
    run = kept_run("tokens-smoke", "litgpt")
    assert mrbench("results", "add", run, "--no-sign", cwd=folder).returncode == 0
    (tmp_path / "other").write_text("of no concern")
    code, told = check(tmp_path, "bench/results", "--since", "HEAD")
    assert (code, "tokens/s computed again" in told) == (0, True), told
    assert "of no concern" not in told
    assert git(tmp_path, "ls-files", "bench/results/runs").endswith(".tar.gz")


def test_the_kept_runs_are_a_results_repository() -> None:
    code, told = check(ROOT, "tests/kept/results")
    assert (code, told.count("computed again")) == (0, 12), told
