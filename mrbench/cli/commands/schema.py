"""`mrbench schema`: print the JSON Schema of what mrbench reads and writes: draft 2020-12."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mrbench.cli.arguments import print_json
from mrbench.cli.commands import Command
from mrbench.model.baseline import Baseline
from mrbench.model.events import AnyEvent
from mrbench.model.inputs import ALSO
from mrbench.model.published import PublishedRule
from mrbench.model.recipe import Recipe
from mrbench.model.record import RunRecord
from mrbench.model.suite import Suite
from mrbench.model.table import PublishedResults, TableRow

COMMAND = Command(
    group="Get ready and clean up",
    order=7,
    brief="of recipes, for editors",
    help="Print the JSON Schema of recipes and suites, for editors, and of what mrbench writes.",
    examples="""\
mrbench schema > recipe.schema.json
mrbench schema suite > suite.schema.json
mrbench schema record""",
)
PARAMETER = r"^\{[a-z_]+\}$"
Schema = dict[str, Any]  # any: JSON Schema nests as the types do
KINDS: Mapping[str, Any] = {  # any: what is no class is no type to mypy
    "recipe": Recipe,
    "suite": Suite,
    "rule": PublishedRule,
    "record": RunRecord,
    "baseline": Baseline,
    "events": AnyEvent,
    "table": tuple[TableRow, ...],
    "results": PublishedResults,
}
ORIGINS = (("url", "commit"), ("package", "sha256"))  # of a source: one of these


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench schema`."""
    parser.add_argument(
        "kind",
        nargs="?",
        choices=tuple(KINDS),
        metavar="KIND",
        default="recipe",
        help=f"{', '.join(KINDS)}; default: recipe",
    )


def main(args: argparse.Namespace) -> int:
    """Print the JSON Schema."""
    print_json(make_schema(args.kind))
    return 0


def make_schema(kind: str) -> Schema:
    """Return the schema of one of KINDS, as JSON holds it."""
    (top,), parts = msgspec.json.schema_components(
        [KINDS[kind]], schema_hook=_of_path, ref_template="#/$defs/{name}"
    )
    described = {name: _described(part) for name, part in _changed(parts, _widened).items()}
    if kind == "recipe":
        for name in ("Source", "Package"):
            described[name]["oneOf"] = [{"required": list(keys)} for keys in ORIGINS]
        described = _changed(described, _placed)
    if "$ref" in top:  # editors of older drafts look at nothing beside a reference
        top = described.pop(top["$ref"].rpartition("/")[2])
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **top, "$defs": described}


def _of_path(_cls: type) -> Schema:
    return {"type": "string"}  # the one type of ours that is not JSON's


def _described(part: Schema) -> Schema:
    """Describe the key that distinguishes events; it has no field."""
    event = part["properties"].get("event")
    if event is not None:
        part["properties"]["event"] = {"description": "Which event this is.", **event}
    return part


def _changed(part: Any, change: Callable[[Schema], Schema]) -> Any:  # noqa: ANN401 - any part of a schema
    """Return a part of a schema with each object in it changed, the inner ones first."""
    if isinstance(part, list | tuple):
        return [_changed(each, change) for each in part]
    if not isinstance(part, dict):
        return part
    return change({name: _changed(each, change) for name, each in part.items()})


def _placed(part: Schema) -> Schema:
    """Let a parameter's "{name}" stand for a number or a truth value."""
    if part.get("type") in ("integer", "number", "boolean"):
        part |= {"type": [part["type"], "string"], "pattern": PARAMETER}
    return part


def _widened(part: Schema) -> Schema:
    """Add the types that the YAML of a recipe may have beside msgspec's."""
    also = part.pop(ALSO, ())
    if also and "type" in part:  # a key of a mapping has none: it is text
        part["type"] = [part["type"], *also]
    return part
