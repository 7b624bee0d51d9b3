"""The JSON Schema of recipes and suites, made from the dataclasses for editors."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from mrbench.model.recipe import Recipe
from mrbench.model.suite import Suite

KINDS: dict[str, type] = {"recipe": Recipe, "suite": Suite}
_SCALARS: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def make_schema(kind: str) -> dict[str, Any]:
    """Return the schema of `recipe` or `suite`."""
    schema = _object(KINDS[kind])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind, **schema}


def _object(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    properties, required = {}, []
    for spec in dataclasses.fields(cls):
        properties[spec.name] = _of(hints[spec.name])
        if spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            required.append(spec.name)
    if "commit" in properties:
        properties["commit"] = {"type": "string", "pattern": "^[0-9a-f]{40}$"}
    return {
        "type": "object",
        "description": (cls.__doc__ or "").strip(),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _of(hint: Any) -> dict[str, Any]:  # noqa: ANN401 - a type hint
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _object(typing.cast("type", hint))
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_of(args[0]), {"type": "null"}]}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        items = {"type": "array", "items": _of(args[0])}
        # a list of words may be written as one line, as for a shell
        return {"anyOf": [items, {"type": "string"}]} if args[0] is str else items
    if origin is not None and issubclass(origin, Mapping):
        value = {"type": ["string", "number", "boolean"]} if args[1] is str else _of(args[1])
        return {"type": "object", "additionalProperties": value}
    return {"type": _SCALARS[hint]}
