"""Tags name a run wherever one is taken, and change nothing of it."""

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from manyruns import KEPT, make
from mrbench.record import tags
from toy import mrbench


def test_tags_name_a_run_and_change_no_digest(tmp_path: Path) -> None:
    (kept,) = KEPT.glob("smoke/tensorpack/*")
    run = shutil.copytree(kept, tmp_path / "runs" / "smoke" / "tensorpack" / kept.name)
    before = printed(tmp_path, "verify", f"runs/smoke/tensorpack/{run.name}", "--json")
    printed(tmp_path, "runs", "tag", run, "before-upgrade", "b")
    assert printed(tmp_path, "verify", "before-upgrade", "--json") == before
    (listed,) = json.loads(printed(tmp_path, "runs", "--tag", "b", "--json"))
    assert listed["tags"] == ["before-upgrade", "b"]
    assert json.loads(printed(tmp_path, "runs", "--tag", "upgrade", "--json")) == []
    printed(tmp_path, "pack", "b", "-o", "x.tgz")
    with tarfile.open(tmp_path / "x.tgz") as archive:
        assert not [name for name in archive.getnames() if "tags" in name]
    assert "latest" in printed(tmp_path, "runs", "tag", "tensorpack", "latest")
    printed(tmp_path, "runs", "untag", "b", "b", "before-upgrade", "latest")
    assert not (run / "tags.json").exists()
    bad = mrbench("runs", "tag", run, "../x", cwd=tmp_path)
    assert bad.returncode == 2
    assert "cannot be a tag" in bad.stderr


def test_a_tag_of_two_runs_names_none(tmp_path: Path) -> None:
    for run in make(tmp_path / "runs", 2):
        printed(tmp_path, "runs", "tag", run, "twice")
    done = mrbench("show", "twice", cwd=tmp_path)
    assert done.returncode == 1
    assert "'twice' is a tag of 2 runs; `mrbench runs --tag twice` lists them" in done.stderr


def test_tags_that_are_added_at_once_are_all_kept(tmp_path: Path) -> None:
    (run,) = make(tmp_path / "runs", 1)
    names = [f"t{i}" for i in range(24)]
    program = "import sys; from pathlib import Path; from mrbench.record import tags\n"
    program += "for tag in sys.argv[2:]: tags.change(Path(sys.argv[1]), add=[tag])"
    parts = [names[:8], names[8:16], names[16:]]
    writers = [subprocess.Popen([sys.executable, "-c", program, run, *part]) for part in parts]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert set(tags.read(run)) == set(names)


def test_a_damaged_tag_file_is_named_and_the_rest_listed(tmp_path: Path) -> None:
    runs = make(tmp_path / "runs", 3)
    (runs[0] / "tags.json").write_text('{"format": 1, "tags": ["\\u001b[2J"]}')
    (runs[1] / "tags.json").symlink_to("/dev/zero")
    done = mrbench("runs", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("tags.json") == 2
    assert len(json.loads(done.stdout)) == 1


def printed(folder: Path, *words: object) -> str:
    done = mrbench(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout
