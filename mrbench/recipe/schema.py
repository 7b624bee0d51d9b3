"""The JSON Schemas of what mrbench reads and writes, made from the types: draft 2020-12."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mrbench.model.baseline import Baseline
from mrbench.model.events import AnyEvent
from mrbench.model.inputs import ALSO
from mrbench.model.published import PublishedRule
from mrbench.model.recipe import Recipe
from mrbench.model.record import RunRecord
from mrbench.model.suite import Suite
from mrbench.model.table import PublishedResults, TableRow

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


def make_schema(kind: str) -> Schema:
    """Return the schema of one of KINDS, as JSON holds it."""
    (top,), parts = msgspec.json.schema_components(
        [KINDS[kind]], schema_hook=_of_path, ref_template="#/$defs/{name}"
    )
    described = {name: _described(part) for name, part in _widened(parts).items()}
    if kind == "recipe":
        for name in ("Source", "Package"):
            described[name]["oneOf"] = [{"required": list(keys)} for keys in ORIGINS]
        described = {name: _placed(part) for name, part in described.items()}
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


def _placed(part: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Let a parameter's "{name}" stand for a number or a truth value."""
    if isinstance(part, list | tuple):
        return [_placed(each) for each in part]
    if not isinstance(part, dict):
        return part
    wide = {name: _placed(each) for name, each in part.items()}
    if part.get("type") in ("integer", "number", "boolean"):
        wide |= {"type": [part["type"], "string"], "pattern": PARAMETER}
    return wide


def _widened(part: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Add the types that the YAML of a recipe may have beside msgspec's."""
    if isinstance(part, list | tuple):
        return [_widened(each) for each in part]
    if not isinstance(part, dict):
        return part
    wide = {name: _widened(each) for name, each in part.items() if name != ALSO}
    if ALSO in part and "type" in part:  # a key of a mapping has none: it is text
        return {**wide, "type": [part["type"], *part[ALSO]]}
    return wide
