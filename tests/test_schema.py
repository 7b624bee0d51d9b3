"""The JSON Schemas describe every key, and take what mrbench really reads and writes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mrbench.cli.commands.schema import KINDS, make_schema
from mrbench.recipe import load
from toy import make_suite, mrbench

RECIPES = sorted((load.root() / "recipes").glob("*/*.yaml"))
KEPT = sorted((Path(__file__).parent / "kept" / "smoke").glob("*/*/record.json"))


def validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = json.loads(json.dumps(make_schema(kind)))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def properties(schema: object, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every property of a schema, with where it stands."""
    if isinstance(schema, dict):
        for name, inner in schema.items():
            if name == "properties":
                yield from ((f"{key}.{each}", inner[each]) for each in inner)
            yield from properties(inner, f"{key}.{name}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_property_has_a_description(kind: str) -> None:
    schema = make_schema(kind)
    found = list(properties(schema))
    assert found
    assert not [key for key, inner in found if not inner.get("description")]
    assert not [name for name, part in schema["$defs"].items() if not part.get("description")]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_carried_recipes_and_suites_fit(path: Path) -> None:
    checker = validator("suite" if path.name == load.SUITE else "recipe")
    content = yaml.safe_load(path.read_text())
    checker.validate(content)
    assert not checker.is_valid({**content, "titel": "x"})
    del content["title"]
    assert not checker.is_valid(content)


@pytest.mark.parametrize(
    "changed",
    [
        {"source": {"url": "https://x/y", "commit": "main"}},
        {"workload": {"per_device": 0}},
        {"launch": {"command": []}},
        {"environment": {"kind": "conda"}},
        {"log": {"format": "detectron2", "every": 0}},
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_loader_refuses(changed: dict[str, Any]) -> None:
    content = yaml.safe_load((load.root() / "recipes" / "2019" / "detectron2.yaml").read_text())
    assert validator("recipe").is_valid(content)
    assert not validator("recipe").is_valid(content | changed)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parts[-3])
def test_records_fit(path: Path) -> None:
    from mrbench.record.formats import record_of

    validator("record").validate(
        json.loads(json.dumps(record_of(path.read_bytes(), str(path)).plain()))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_prints_them(kind: str, tmp_path: Path) -> None:
    done = mrbench("schema", kind, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps(make_schema(kind)))


def test_a_baseline_fits(tmp_path: Path) -> None:
    runs = Path(__file__).parent / "kept"
    words = ("baseline", "save", "base.json", "--suite", "smoke", "--runs", runs)
    done = mrbench(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    validator("baseline").validate(json.loads((tmp_path / "base.json").read_bytes()))


def test_events_fit(tmp_path: Path, git: Callable[..., str]) -> None:
    toy = make_suite(tmp_path, git)
    words = ("run", "--recipe", toy, "--cool-down", 50, "--json")  # on a CPU: that is a note
    done = mrbench(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    checker = validator("events")
    for event in events:
        checker.validate(event)
    assert len({event["event"] for event in events}) == len(make_schema("events")["anyOf"])


def test_tables_fit(tmp_path: Path) -> None:
    runs = Path(__file__).parent / "kept"
    words = ("table", "--suite", "smoke", "--runs", runs, "--format", "json")
    checker = validator("table")
    for more in ((), ("--relative-to", "detectron2")):
        done = mrbench(*words, *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        rows = json.loads(done.stdout)
        assert len(rows) == len(KEPT)
        checker.validate(rows)
