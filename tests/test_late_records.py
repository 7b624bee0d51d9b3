"""What fails after the window costs no number: it is printed, and the record finished later."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keptruns import kept_run
from mrbench.files import translated
from toy import as_a_user, commit_all, edit, make_suite, mrbench, records
from waiting import wait_for

FULL = """
from pathlib import Path
def is_known():
    drafts = Path(sys.argv[3]).parent.glob("*/*/*/draft.json")
    return any('"machine"' in path.read_text() for path in drafts)
while not is_known():
    time.sleep(0.1)
def fill(path):
    with open(path, "wb", buffering=0) as out:
        while True:
            out.write(bytes(512))
try:
    fill(sys.argv[3])
except OSError:
    pass
"""
REMOVE = """
import shutil
time.sleep(1)
shutil.rmtree(sys.argv[3])
"""


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of its own with room for a run and little more."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "mrbench-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the permission to mount a tmpfs: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def training_that(toy: Path, does: str, *words: object) -> None:
    """Have the training do something in its 11th iteration, before the window is over."""
    train = toy.parents[1] / "upstream" / "train.py"
    lines = "".join(f"        {line}\n" for line in does.strip().splitlines())
    edit(train, "    if i % 10 == 0:\n", f"    if i == 11:\n{lines}    if i % 10 == 0:\n")
    edit(train, "if len(sys.argv) > 3:", "if len(sys.argv) > 9:")
    commit_of(toy)
    edit(toy, "60 0.002", " ".join(["600 0.01", *map(str, words)]))


def commit_of(toy: Path) -> None:
    new = commit_all(toy.parents[1] / "upstream")
    old = toy.read_text().partition("commit: ")[2][:40]
    edit(toy, old, new)


@pytest.mark.parametrize(
    "command", ["report -o FILE KEPT", "register --repeat 2 -o FILE --recipe TOY", "copy"]
)
def test_the_file_that_a_full_disk_has_no_room_for_is_named(
    command: str, toy: Path, tmp_path: Path, small_disk: Path
) -> None:
    with contextlib.suppress(OSError), (small_disk / "filled").open("wb", buffering=0) as out:
        while True:
            out.write(bytes(4096))
    file = small_disk / "mine"
    if command == "copy":
        with pytest.raises(OSError) as caught:  # noqa: PT011 - whose text is looked at
            shutil.copyfile(small_disk / "filled", file)
        told = f"mrbench: {translated(caught.value)}\n"
    else:
        words = [
            {"FILE": file, "TOY": toy, "KEPT": kept_run("smoke", "detectron2")}.get(word, word)
            for word in command.split()
        ]
        told = mrbench(*words, cwd=tmp_path).stderr
    assert told.startswith(f"mrbench: {file}: ")
    assert "No space left on device" in told
    assert "--runs" not in told
    assert told.count("\n") == 1


def test_a_full_disk_keeps_the_record_and_not_the_number(
    toy: Path, tmp_path: Path, small_disk: Path
) -> None:
    training_that(toy, FULL, small_disk / "filled")
    done = mrbench("run", "--recipe", toy, "--runs", small_disk, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert "img/s in iterations 11-40" in last
    assert "its record was not written" in last
    assert "No space left" in done.stderr
    (folder,) = small_disk.glob("*/*/*")
    assert not (folder / "record.json").exists()
    assert (
        "`mrbench collect`"
        in mrbench("table", "--suite", "toys", "--runs", small_disk, cwd=tmp_path).stderr
    )
    again = mrbench("collect", folder, "--runs", small_disk, cwd=tmp_path)
    assert again.returncode == 1, "there is no room yet"
    (small_disk / "filled").unlink()
    done = mrbench(
        "collect",
        last.rpartition("collect ")[2].partition("`")[0],
        "--runs",
        small_disk,
        "--json",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    assert f"toy: {int(record['measurement']['throughput'])}" in last
    assert record["machine"]
    assert record["workspace"]
    checked = mrbench("verify", folder, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout


def test_a_folder_of_runs_that_is_removed_is_made_again(toy: Path, tmp_path: Path) -> None:
    training_that(toy, REMOVE, tmp_path / "runs")
    done = mrbench("run", "--recipe", toy, "--json", cwd=tmp_path)
    (record,) = records(done.stdout)
    assert done.returncode == 0, done.stderr
    assert record["measurement"]["throughput"] > 0
    (note,) = record["not_kept"]
    assert note in record["validity"]["notes"]
    assert "removed while it trained" in note
    folder = tmp_path / "runs" / record["id"]
    assert mrbench("verify", folder, cwd=tmp_path).returncode == 0


def test_one_that_cannot_be_made_again_is_written_elsewhere(toy: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    training_that(toy, f"{REMOVE}\nopen(sys.argv[3], 'w').close()", runs)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(tmp_path))
        done = mrbench("run", "--recipe", toy, "--json", cwd=tmp_path)
    (record,) = records(done.stdout)
    assert done.returncode == 0, done.stderr
    (place,) = tmp_path.glob(f"mrbench-runs-*/{record['id']}/record.json")
    assert str(place.parent) in record["validity"]["notes"][-1]


@pytest.mark.parametrize("keep", ["", ".", "***", "a/**b", "x" * 5000, "a//b\0c", "/etc/*"])
def test_patterns_of_files_to_keep_are_looked_at_first(
    toy: Path, tmp_path: Path, keep: str
) -> None:
    edit(toy, "  every: 10\n", f"  every: 10\n  keep: [notes.txt, {json.dumps(keep)}]\n")
    line = next(i for i, t in enumerate(toy.read_text().splitlines(), 1) if "keep:" in t)
    done = mrbench("run", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{toy}:{line}: log.keep" in done.stderr
    assert len(done.stderr) < 500


def test_a_file_that_cannot_be_kept_is_a_note(toy: Path, tmp_path: Path) -> None:
    """Each is as programs leave them: far too big, a link to itself, a pipe."""
    training_that(
        toy,
        """
import os
with open(sys.argv[3] + "/big.json", "wb") as big:
    big.truncate(1 << 30)
os.symlink("loop.json", sys.argv[3] + "/loop.json")
os.mkfifo(sys.argv[3] + "/pipe.json")
open(sys.argv[3] + "/good.json", "w").close()
""",
        "{output}",
    )
    edit(toy, "  every: 10\n", "  every: 10\n  keep: ['*.json']\n")
    done = mrbench("run", "--recipe", toy, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = records(done.stdout)
    assert "kept/good.json" in record["files"]
    assert "kept/big.json" not in record["files"]
    assert any("big.json" in note for note in record["validity"]["notes"])


def test_what_a_training_leaves_never_stops_the_next(toy: Path, tmp_path: Path) -> None:
    """3,000 folders in one another, and one that nobody may enter, for a user who is not root."""
    training_that(
        toy,
        """
import os
os.chdir(sys.argv[3])
os.makedirs("locked/inner")
open("locked/inner/file", "w").close()
os.chmod("locked/inner", 0)
os.chmod("locked", 0)
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
""",
        "{output}",
    )
    for _ in range(2):
        done = as_a_user("run", "--recipe", toy, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "mrbench-home" / "scratch").iterdir())


def test_cleanup_tries_again_and_says_what_stays(tmp_path: Path) -> None:
    folder = tmp_path / "mrbench-home" / "scratch" / "toys-toy-1"
    (folder / "output").mkdir(parents=True)
    (folder / ".owner").touch()
    mount = ["mount", "-t", "tmpfs", "mrbench-test", str(folder / "output")]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the permission to mount a tmpfs")
    try:
        done = mrbench("cleanup", cwd=tmp_path)
        assert done.returncode == 1
        assert f"{folder} cannot be removed: Device or resource busy" in done.stderr
    finally:
        subprocess.run(["umount", str(folder / "output")], check=True)
    done = mrbench("cleanup", cwd=tmp_path)
    assert done.returncode == 0
    assert f"removed folder {folder}" in done.stdout


def test_the_record_of_a_run_whose_mrbench_was_killed(toy: Path, tmp_path: Path) -> None:
    edit(toy, "60 0.002", "1000000 3")
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as running:
        wait_for(lambda: any('"machine"' in d.read_text() for d in drafts(tmp_path)))
        assert "still at work" in mrbench("collect", cwd=tmp_path).stderr
        running.kill()
    (folder,) = (draft.parent for draft in drafts(tmp_path))
    wait_for((folder / "exit.json").exists)
    wait_for(lambda: "at work" not in mrbench("collect", folder, cwd=tmp_path).stderr)
    record = json.loads((folder / "record.json").read_text())
    assert record["status"] == "interrupted"
    assert record["machine"]
    assert mrbench("verify", folder, cwd=tmp_path).returncode == 0
    assert "has its record" in mrbench("collect", folder, cwd=tmp_path).stderr


def test_a_damaged_draft_does_not_keep_collect_from_the_others(tmp_path: Path) -> None:
    for name in ("20260101-000000-a", "20260102-000000-b"):
        folder = tmp_path / "runs" / "suite" / "impl" / name
        folder.mkdir(parents=True)
        for file in ("plan.json", "train.log"):
            (folder / file).touch()
        (folder / "draft.json").write_text("{")
    done = mrbench("collect", cwd=tmp_path)
    assert done.stderr.count("draft.json") == 2
    assert "Traceback" not in done.stderr
    named = mrbench("collect", folder, cwd=tmp_path)
    assert (named.returncode, len(named.stderr.splitlines())) == (1, 1), named.stderr


def drafts(folder: Path) -> list[Path]:
    return list(folder.glob("runs/*/*/*/draft.json"))
