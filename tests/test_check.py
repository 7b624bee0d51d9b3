"""`mrbench check` offline: this repository passes, and each kind of wrong recipe is told."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from checkworld import World
from mrbench.recipe import load
from toy import edit, make_suite, mrbench


@pytest.fixture
def world(tmp_path: Path, git: Callable[..., str]) -> World:
    return World(tmp_path, git)


def test_this_repository_passes(tmp_path: Path) -> None:
    done = mrbench("check", "--format", "json", cwd=tmp_path)
    answer = json.loads(done.stdout)
    told = [c for c in answer["checks"] if c["outcome"] not in ("ok", "not checked")]
    assert (done.returncode, told) == (0, [])
    names = {
        f"{suite}/{name}" for suite in load.suite_names() for name in load.implementations(suite)
    }
    for check in ("recipe", "commits", "placeholders", "patches", "lock", "sample"):
        looked = {c["subject"] for c in answer["checks"] if c["topic"] == check}
        assert looked == names, check
    # what mrbench carries is looked at without a network, too
    assert {c["subject"] for c in answer["checks"] if c["topic"] == "twice"} == {
        "demo/minimask",
        "today/minimask",
        "today-smoke/minimask",
        "today/torchvision",
        "today-smoke/torchvision",
        "smoke/torchvision",
        *(
            f"{suite}/{name}"
            for suite in ("tokens", "tokens-smoke")
            for name in ("litgpt", "transformers", "lightning", "maxtext")
        ),
        *(
            f"{suite}/{name}"
            for suite in ("detectors", "detectors-smoke")
            for name in load.implementations(suite)
        ),
    }
    (skipped,) = [c for c in answer["checks"] if c["outcome"] == "not checked"]
    assert "--network" in skipped["remedy"]


def test_a_good_recipe_passes(world: World) -> None:
    checks = world.check()["checks"]
    passed = [(c["subject"], c["topic"]) for c in checks if c["outcome"] == "ok"]
    assert passed == [
        ("toys", "suite"),
        ("toys", "references"),
        *(("toys/toy", name) for name in ("recipe", "commits", "placeholders", "patches")),
        *(("toys/toy", name) for name in ("lock", "sample")),
    ]
    (sample,) = [c for c in checks if c["topic"] == "sample"]
    assert sample["figures"] == pytest.approx({"throughput": 1600, "iterations": 30})


RECIPE = "recipes/toys/toy.yaml"
WRONG: list[tuple[str, str, str, str, str, str]] = [
    # the file that is changed, what by what, the check, where it is told, a part of the text
    (RECIPE, "title: Toy", "tilte: Toy", "recipe", RECIPE, "unknown key"),
    (RECIPE, "title: Toy", "title: [", "recipe", "", "expected"),
    (RECIPE, "timing: interval_mean", "timing: median", "recipe", RECIPE, "is not one of"),
    (RECIPE, "(?P<value>", "(?P<valu", "recipe", RECIPE, "not a valid regular expression"),
    (RECIPE, "  commit: ", "  commit: v1.0 #", "commits", RECIPE, "not a commit of 40 hex digits"),
    (RECIPE, "  tree: ", "  # tree: ", "commits", "", "no tree id is recorded"),
    (RECIPE, "{checkout}", "{chekout}", "placeholders", "", "unknown placeholder {chekout}"),
    (RECIPE, "{checkout}", "{node_rank}", "placeholders", RECIPE, "one node has none"),
    (RECIPE, "data:\n  layout: any\n", "", "placeholders", "", "the recipe has no `data`"),
    (RECIPE, "train.py --con", "t.py {learning_rate} -", "placeholders", RECIPE, "with nothing"),
    (RECIPE, "/toy/r50.pth {data}", "/toy/r101.pth", "placeholders", RECIPE, "toy/r101.pth is not"),
    (RECIPE, "toys/toy.patch", "toys/gone.patch", "patches", RECIPE, "cannot be read"),
    ("patches/toys/toy.patch", "@@ -1 +1 @@", "@@ -1,2 +1 @@", "patches", "", "cannot parse"),
    ("patches/toys/toy.patch", "+size: 2", "+size: 2\n+x", "patches", "", "behind its end"),
    ("patches/toys/toy.patch", "-size: 1", "", "patches", "", "corrupt patch"),
    ("patches/toys/toy.patch", "diff --git", "diff", "patches", "", "not in git's format"),
    (
        RECIPE,
        "requirements: [six==1.16.0",
        "requirements: [six==1.17.0",
        "lock",
        "",
        "was not made",
    ),
    (RECIPE, "lock: toy.lock", "lock: gone.lock", "lock", RECIPE, "cannot be read"),
    (RECIPE, "  lock: toy.lock\n", "", "lock", "", "there is none"),
    (
        "recipes/toys/toy.lock",
        "six==1.16.0",
        "six==1.15.0",
        "lock",
        "recipes/toys/toy.lock",
        "no six",
    ),
    ("recipes/toys/toy.lock", "toml==", "tomli==", "lock", "", "no toml>=0.10"),
    ("recipes/toys/toy.lock", "0f0f", "0f", "lock", "recipes/toys/toy.lock", "no SHA-256"),
    (RECIPE, "logs/toy.log", "logs/gone.log", "sample", RECIPE, "is not there"),
    (RECIPE, "logs/toy.log", "../toy.log", "sample", RECIPE, "must stay inside"),
    (RECIPE, "throughput: 1600.0", "throughput: 1601.0", "sample", RECIPE, "reads as 1600 img/s"),
    (RECIPE, "origin: written", "origin: '' # ", "sample", RECIPE, "what was run"),
    ("tests/logs/toy.log", "iter: 30", "item: 30", "sample", "", "incomplete_window"),
    ("tests/logs/toy.log", "0.0025", "0.0026", "sample", "", "noted are 1600"),
    ("tests/logs/toy.log", "iter", "item", "sample", "", "no number: no_iterations"),
    ("recipes/toys/suite.yaml", "toy: 1500", "toy: x", "", "", "not of type float"),
    ("recipes/toys/suite.yaml", "first: 10", "first: 50", "", "", "below last"),
    ("recipes/toys/suite.yaml", "https://github.com", "'' # ", "references", "", "has no source"),
    ("recipes/toys/suite.yaml", "2020-01-02", "spring", "references", "", "date 'spring'"),
    ("recipes/toys/suite.yaml", "{toy: 1500}", "{tyo: 15}", "references", "", "tyo"),
    ("recipes/toys/suite.yaml", "{toy: 1500}", "{toy: -1}", "references", "", "that is none"),
]


@pytest.mark.parametrize(("file", "old", "new", "check", "where", "text"), WRONG)
def test_each_kind_of_wrong_recipe_is_told_with_file_and_line(
    world: World, file: str, old: str, new: str, check: str, where: str, text: str
) -> None:
    line = world.change(world.base / file, old, new)
    failed = [c for c in world.check(code=7)["checks"] if c["outcome"] == "failed"]
    assert failed
    for one in failed:  # a suite that cannot be read fails its recipes, too
        assert text in one["text"]
        assert check in (one["topic"], "")
        assert one["remedy"]
        assert one["line"] >= 1
        assert (world.base / one["file"]).is_file()
        if where:
            assert (one["file"], one["line"]) == (where, line)


def test_each_wrong_key_of_a_recipe_is_a_finding_with_its_line(world: World) -> None:
    first = world.change(world.recipe, "title: Toy", "titel: Toy")
    second = world.change(world.recipe, "framework:", "framwork:")
    failed = [c for c in world.check(code=7)["checks"] if c["outcome"] == "failed"]
    keys = [(one["key"], one["line"]) for one in failed]
    assert keys == [("titel", first), ("framwork", second)]
    assert all(one["remedy"].startswith("did you mean") for one in failed)


def test_a_reference_may_not_move(world: World) -> None:
    line = world.change(world.suite, f"blob/{world.commit}", "blob/main")
    failed = world.failure()
    assert (failed["topic"], failed["file"], failed["line"]) == (
        "references",
        "recipes/toys/suite.yaml",
        line,
    )
    assert "can move" in failed["text"]


def test_short_blob_ids_are_told(world: World) -> None:
    line = world.patch.read_text().splitlines().index("--- a/configs/small.yaml")
    blobs = world.patch.read_text().partition("index ")[2].partition(" ")[0]
    edit(world.patch, blobs, "..".join(blob[:7] for blob in blobs.split("..")))
    failed = world.failure()
    assert (failed["file"], failed["line"]) == ("patches/toys/toy.patch", line)
    assert "short ids" in failed["text"]


def test_what_git_format_patch_writes_is_a_patch(world: World, git: Callable[..., str]) -> None:
    git(world.upstream, "apply", "--index", str(world.patch))
    git(world.upstream, "commit", "-qm", "Size two\n\n- a list\n+ of things")
    patch = git(world.upstream, "format-patch", "-1", "--stdout", "--full-index") + "\n"
    git(world.upstream, "reset", "-q", "--hard", "HEAD^")
    assert "\n-- \n" in patch
    world.patch.write_text(patch)
    assert world.check("--mirror", world.mirror)["outcome"] == "ok"


def test_a_lock_that_is_no_text_is_told(world: World) -> None:
    world.lock.write_bytes(world.lock.read_bytes() + b"\xff\xfe==1 \\\n    --hash=sha256:00\n")
    assert world.failure()["topic"] == "lock"


def test_one_recipe_that_does_not_read_does_not_hide_the_others(world: World) -> None:
    broken = world.recipe.with_name("broken.yaml")
    broken.write_text("title: [\n")
    done = mrbench("check", "--recipe", broken, world.recipe, cwd=world.base)
    assert done.returncode == 7
    assert "recipes/toys/broken.yaml:2" in done.stdout.replace("\n", "")
    assert "1600 img/s" in done.stdout
    assert "1 failed" in done.stdout.splitlines()[-1]


def test_a_recipe_on_its_own_may_lack_what_comes_later(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    toy = make_suite(tmp_path, git)
    done = mrbench("check", "--recipe", toy, "--json", cwd=tmp_path)
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    skipped = {c["topic"]: c["remedy"] for c in answer["checks"] if c["outcome"] == "not checked"}
    assert set(skipped) == {"commits", "sample", "upstreams"}
    assert all(skipped.values())


SAMPLE = """
sample:
  log: logs/toy.log
  throughput: 8
  work_per_iteration: 2
  window: {first: 20, last: 40}
  origin: written by hand
"""


def test_a_sample_beside_a_recipe_of_ones_own_is_read(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    toy = make_suite(tmp_path, git)
    toy.write_text(toy.read_text() + SAMPLE)
    log = toy.parent / "logs" / "toy.log"
    log.parent.mkdir()
    lines = [f"iter: {i} loss: 0.5 time: 0.250000\n" for i in range(10, 61, 10)]
    log.write_text("".join(lines))
    done = mrbench("check", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "8 img/s in iterations 21-40, as noted" in done.stdout
    # the arrival of its lines says more: the seconds are not what the recipe says
    ends = list(itertools.accumulate(map(len, lines)))
    stamps = [f"{i * 2_750_000_000} {end}\n" for i, end in enumerate(ends, start=1)]
    log.with_suffix(".stamps").write_text("".join(stamps))
    done = mrbench("check", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 7
    assert "differ by a factor 1.1000" in " ".join(done.stdout.split())
    log.rename(tmp_path / "elsewhere.log")
    log.symlink_to(tmp_path / "elsewhere.log")
    done = mrbench("check", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 7
    assert "leads away" in done.stdout


def test_formats_for_programs_are_utf8_on_any_stdout(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.change(world.recipe, "title: Toy", "tïtle: Toy")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    for name in ("github", "junit"):
        words = [sys.executable, "-m", "mrbench", "check", "--recipe", str(world.recipe)]
        done = subprocess.run(
            [*words, "--format", name], cwd=world.base, capture_output=True, check=False
        )
        assert done.returncode == 7, done.stderr
        assert "tïtle" in done.stdout.decode()
    done = subprocess.run(words, cwd=world.base, capture_output=True, check=False)
    assert (done.returncode, b"t\\xeftle" in done.stdout) == (7, True), done.stdout


def test_files_are_written_beside_what_is_printed(world: World) -> None:
    files = ("--junit", "out.xml", "--json", "out.json")
    done = mrbench("check", "--recipe", world.recipe, *files, cwd=world.base)
    assert done.returncode == 0
    assert "1600 img/s" in done.stdout
    assert json.loads((world.base / "out.json").read_text())["outcome"] == "ok"
    assert (world.base / "out.xml").read_text().startswith("<?xml")
    done = mrbench("check", "--recipe", world.recipe, "--junit", "no/x.xml", cwd=world.base)
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "no/x.xml: cannot be written" in done.stderr


def test_names_and_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    for words, text in [
        (("--suite", "2018"), "did you mean '2019'?"),
        (("--impl", "detectron3"), "did you mean 'detectron"),
        (("--impl", "minimask", "--recipe", "x"), "exclude each other"),
    ]:
        done = mrbench("check", *words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert text in done.stderr
    done = mrbench("check", "--recipe", "gone.yaml", cwd=tmp_path)
    assert done.returncode == 7
    assert "cannot be read" in done.stdout


def test_suites_and_implementations_can_be_chosen(tmp_path: Path) -> None:
    words = ("check", "--suite", "2019", "smoke", "--impl", "tensorpack", "--json")
    answer = json.loads(mrbench(*words, cwd=tmp_path).stdout)
    assert {c["subject"] for c in answer["checks"]} == {
        *("2019", "smoke", "network"),
        *("2019/tensorpack", "smoke/tensorpack"),
    }
