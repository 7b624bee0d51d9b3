"""Errors keep their parts, whatever folders are called; nothing takes a printed line apart."""

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mrbench.cli import commands
from mrbench.errors import MrbenchError, RecipeError
from mrbench.measure.log.blocks import read_blocks
from toy import edit, make_suite, mrbench

ODD = ("a; b", "run:7: x", "log.pattern: c; d")  # each reads as a part of some message


@pytest.fixture(params=ODD)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / str(request.param)
    made.mkdir()
    return made


@pytest.fixture
def toy(folder: Path, git: Callable[..., str]) -> Path:
    recipe = make_suite(folder.parent, git)  # its repository has a plain address
    return recipe.parent.rename(folder / "toys") / recipe.name


def kinds(of: type[MrbenchError] = MrbenchError) -> Iterator[type[MrbenchError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def failed(path: Path, *words: object, code: int = 7) -> dict[str, object]:
    done = mrbench("check", "--recipe", path, "--json", *words, cwd=path.parents[2])
    assert done.returncode == code, done.stderr
    (one,) = (c for c in json.loads(done.stdout)["checks"] if c["outcome"] == "failed")
    assert isinstance(one, dict)
    return one


def test_a_line_is_joined_of_what_is_known() -> None:
    assert str(RecipeError("wrong")) == "wrong"
    assert str(RecipeError("wrong", "mend it")) == "wrong; mend it"
    assert str(RecipeError("wrong", file=Path("a; b"), line=3)) == "a; b:3: wrong"
    whole = RecipeError("wrong", "mend it", file="x.yaml", line=3, key="log.every")
    assert str(whole) == "x.yaml:3: log.every: wrong; mend it"


def test_all_errors_survive_being_sent_and_copied() -> None:
    assert commands.__path__  # all of mrbench that defines errors is there
    for kind in kinds():
        error = kind("what; is", "to do")
        error.file, error.line, error.key = "a; b", 7, "k"
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - ours
            assert type(other) is kind
            assert (str(other), vars(other)) == (str(error), vars(error))


def test_a_wrong_recipe_is_told_at_its_file_and_line(toy: Path) -> None:
    edit(toy, "every: 10", "every: ten; or so")
    lines = toy.read_text().splitlines()
    one = failed(toy)
    assert one["file"] == str(toy.relative_to(toy.parents[2]))
    assert (one["line"], one["key"]) == (lines.index("  every: ten; or so") + 1, "log.every")
    assert str(one["text"]).startswith("log.every: 'ten; or so' is not")
    assert one["remedy"]


def test_a_recipe_that_is_not_there_is_told_whole(toy: Path) -> None:
    gone = toy.with_name("gone; away.yaml")
    one = failed(gone)
    assert one["file"] == str(gone.relative_to(toy.parents[2]))
    assert (one["line"], one["remedy"]) == (None, "check the path")


def test_a_log_sample_that_cannot_be_read_is_told_whole(toy: Path) -> None:
    log = toy.with_name("lo; g.log")
    log.mkdir()
    sample = "sample: {log: 'lo; g.log', throughput: 1, origin: here}\nguards:"
    edit(toy, "guards:", sample)
    one = failed(toy)
    assert (one["topic"], one["remedy"]) == ("sample", "put the log there")
    assert str(one["text"]).endswith("lo; g.log is not there")
    with pytest.raises(MrbenchError) as caught:
        list(read_blocks(log))
    assert (caught.value.file, caught.value.remedy) == (log, "give a readable file")


def test_what_a_run_lacks_is_told_whole(toy: Path, folder: Path) -> None:
    edit(toy, "log:\n", "data: {layout: any, needs: ['x; y']}\nlog:\n")
    words = ("--recipe", toy, "--data", folder)
    done = mrbench("doctor", *words, "--json", cwd=folder)
    (data,) = (f for f in json.loads(done.stdout)["groups"]["recipes"] if f["topic"] == "data")
    assert data["text"] == f"{folder} lacks x; y"
    assert data["remedy"] == "put it there or name another with --data DIR"
    refused = mrbench("run", *words, cwd=folder)
    assert f"  toy: {data['text']}; {data['remedy']}\n" in refused.stderr


def test_a_failed_training_is_told_whole(toy: Path, folder: Path) -> None:
    edit(toy, "train.py 60 0.002", "train.py 20 0 'no; luck'")
    done = mrbench("run", "--recipe", toy, "--runs", "r; uns", cwd=folder)
    assert done.returncode == 5, done.stderr
    (path,) = (folder / "r; uns").rglob("record.json")
    record = json.loads(path.read_bytes())
    failure = record["measurement"]["failure"]
    assert failure["line"] == "no; luck"
    assert failure["remedy"] in record["reason"]
    assert record["reason"].endswith(f"see {path.parent / 'train.log'}")
    assert mrbench("verify", path.parent, cwd=folder).returncode == 0
