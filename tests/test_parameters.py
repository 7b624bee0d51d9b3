"""Parameters of a recipe are declared strictly, and their values stand wherever {name} does."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mrbench.errors import RecipeError
from mrbench.model.parameters import PlannedParameter, typed
from mrbench.recipe import load
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import make_plan
from mrbench.run.recorder import family
from toy import edit, make_suite, mrbench

DECLARED = """
parameters:
  batch: {default: 4, values: [2, 4, 8], unit: images, description: Images of one device.}
  arithmetic: {default: float32, values: [float32, bfloat16]}
  seconds: {default: 0.002}
"""


def read(path: Path, given: Mapping[str, str] | None = None) -> RecipeFile:
    suite = load.read_suite(path.with_name("suite.yaml"))
    return load.load_file(path, suite_name="toys", suite=suite, given=given or {})


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    path = make_suite(tmp_path, git)
    edit(path, "per_device: 4", 'per_device: "{batch}"\n  precision: "{arithmetic}"')
    edit(path, "train.py 60 0.002", "train.py 60 {seconds} batch={batch}/{gpus}")
    path.write_text(path.read_text() + DECLARED)
    return path


def test_values_stand_where_the_names_did(toy: Path) -> None:
    plan = make_plan(read(toy))
    assert (plan.per_device, plan.precision) == (4, "float32")
    assert plan.command == ("{python}", "train.py", "60", "0.002", "batch=4/1")
    assert plan.label == "toy"
    other = make_plan(read(toy, {"batch": "8", "arithmetic": "bfloat16", "seconds": "1e-3"}))
    assert (other.per_device, other.work_per_iteration, other.precision) == (8, 8, "bfloat16")
    assert other.command == ("{python}", "train.py", "60", "0.001", "batch=8/1")
    assert other.label == "toy arithmetic=bfloat16 batch=8 seconds=0.001", "as record.json has them"
    batch = PlannedParameter(value=8, default=4, unit="images", description="Images of one device.")
    assert other.parameters["batch"] == batch
    assert '"value": 8' in other.canonical()
    assert plan.digest != other.digest


FILLS = "fills: {float32: {amp: ''}, bfloat16: {amp: --amp --dtype=bf16}}"


def test_a_value_fills_in_what_its_option_is_called(toy: Path) -> None:
    edit(toy, "values: [float32, bfloat16]}", f"values: [float32, bfloat16], {FILLS}}}")
    edit(toy, " {seconds} ", " {seconds} {amp} ")
    assert make_plan(read(toy)).command[2:] == ("60", "0.002", "batch=4/1")
    half = make_plan(read(toy, {"arithmetic": "bfloat16"}))
    assert half.command[2:] == ("60", "0.002", "--amp", "--dtype=bf16", "batch=4/1")
    assert half.label == "toy arithmetic=bfloat16"
    edit(toy, "{float32: {amp: ''}, ", "{")
    with pytest.raises(RecipeError, match=r"says nothing of \{amp\} for float32"):
        read(toy)
    edit(toy, "{bfloat16: {amp: --amp --dtype=bf16}}", "{float32: {batch: ''}}")
    with pytest.raises(RecipeError, match=r"\{batch\} has two meanings"):
        read(toy)


def test_a_value_in_another_form_is_the_same_plan(toy: Path) -> None:
    forms = [make_plan(read(toy, {"seconds": text})) for text in ("0.001", "1e-3", ".001")]
    assert len({plan.digest for plan in forms}) == 1


def test_runs_of_other_values_are_of_another_family(toy: Path) -> None:
    one, other = (read(toy, given) for given in ({"batch": "2"}, {"batch": "8"}))
    assert family(one, make_plan(one)) != family(other, make_plan(other))


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("batch: {default: 4", "batch: {default: 3", "parameters.batch.default", "is none of"),
        ("values: [2, 4, 8]", "values: [2, 4, big]", "parameters.batch.values[2]", "not a whole"),
        ("values: [2, 4, 8]", "valves: [2, 4, 8]", "parameters.batch.valves", "mean 'values'?"),
        ("  batch: {", "  Batch: {", "parameters.Batch", "is not the name of a parameter"),
        ("  batch: {", "  gpus: {", "parameters.gpus", "{gpus} is mrbench's own: number of GPUs"),
        ("  seconds: {", "  spare: {default: 1}\n  seconds: {", "parameters.spare", "nothing uses"),
        ("default: float32", 'default: "a b"', "parameters.arithmetic.default", "is no value"),
        ("{seconds} ", "{secnods} ", "parameters.seconds", "nothing uses it"),
        ("/{gpus}", "/{gpsu}", "launch.command", "unknown placeholder {gpsu}; did you mean 'gpus'"),
        ('precision: "{ar', 'image_size: "{btch}"\n  precision: "{ar', "workload.image_size",
         "unknown placeholder {btch}; did you mean 'batch'"),
        ('"{batch}"', "{batch}", "workload.per_device", 'put it in quotes: "{batch}"'),
        ('"{arithmetic}"', "{arithmetic}", "workload.precision", 'quotes: "{arithmetic}"'),
        ('per_device: "{batch}"', 'per_device: "{arithmetic}"', "workload.per_device",
         "'float32' is not of type int"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    old: str, new: str, key: str, message: str, toy: Path
) -> None:
    edit(toy, old, new)
    with pytest.raises(RecipeError) as caught:
        make_plan(read(toy))
    error = str(caught.value)
    assert message in error
    assert (caught.value.key, str(caught.value.file)) == (key, str(toy))
    line = toy.read_text().splitlines()[(caught.value.line or 1) - 1]
    assert key.rpartition(".")[2].partition("[")[0] in line, "that is where it stands"
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch": "3"}, "parameters.batch.values: --set batch=3 is not allowed; allowed: 2, 4, 8"),
        ({"batch": "two"}, "--set batch=two is not a whole number; give one as the default 4"),
        ({"batch": "2.5"}, "--set batch=2.5 is not a whole number"),
        ({"seconds": "{python}"}, "--set seconds={python} is no value"),
        ({"bach": "2"}, "--set bach: declares no such parameter; did you mean 'batch'? its"),
    ],
)
def test_a_value_that_cannot_be_is_refused(given: dict[str, str], message: str, toy: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        read(toy, given)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(toy))


def test_a_value_that_spoils_another_key_is_named(toy: Path, tmp_path: Path) -> None:
    edit(toy, "  every: 10", '  every: "{each}"')
    edit(toy, "parameters:\n", "parameters:\n  each: {default: 10}\n")
    done = mrbench("run", "--recipe", toy, "--set", "each=0", "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert "log.every: with --set each=0: expected a whole number" in done.stderr
    assert "give another value" in done.stderr


def test_check_plans_with_each_value(toy: Path, tmp_path: Path) -> None:
    done = mrbench("check", "--recipe", toy, cwd=tmp_path)
    assert "batch, arithmetic, seconds; each of 5 values plans" in done.stdout
    edit(toy, "  every: 10", '  every: "{batch}"')
    edit(toy, "values: [2, 4, 8]", "values: [0, 4, 8]")
    done = mrbench("check", "--recipe", toy, "--json", cwd=tmp_path)
    assert done.returncode == 7
    (failed,) = [f for f in json.loads(done.stdout)["checks"] if f["outcome"] == "failed"]
    assert failed["key"] == "parameters.batch.values"
    assert failed["text"].startswith("with batch=0, ")


def test_aliases_are_filled_in_once(toy: Path) -> None:
    bombs = "\n".join(f"  B{i}: &b{i} [*b{i - 1}, *b{i - 1}]" for i in range(1, 18))
    edit(toy, "launch:\n", f'launch:\n  inherit: &b0 ["{{batch}}"]\n{bombs}\n')
    with pytest.raises(RecipeError):
        read(toy)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4), ("-1", -1), ("007", "007"), ("1e-3", 0.001), ("1e999", "1e999"), ("0.50", 0.5),
        ("true", "true"), ("float32", "float32"), ("1_000", "1_000"), ("nan", "nan"),
    ],
)  # fmt: skip
def test_a_number_is_what_reads_as_one(text: str, value: float | str) -> None:
    assert typed(text) == value
    assert type(typed(text)) is type(value)
