"""Pages of what files and outputs contain, made from the types by way of their JSON Schemas."""

import json
from collections.abc import Iterator
from typing import Any

from mrbench.cli.commands.schema import Schema, make_schema
from pages import cell

TITLES = {
    "recipe": "Recipe",
    "suite": "Suite",
    "rule": "Rule of a published number",
    "record": "record.json",
    "events": "Events",
    "table": "Rows of a table",
    "baseline": "Baseline",
    "results": "results.json",
}
ABOUT = {
    "recipe": "The keys of a recipe's YAML file.",
    "suite": "The keys of `suite.yaml`.",
    "rule": "The keys of a rule for `mrbench parse --rule FILE`, or of `references[].rule`.",
    "record": "What `record.json` in a run's folder contains.",
    "events": "The lines of `mrbench run --json`. Each event is one line of JSON.",
    "table": "What `mrbench table --format json` prints: a list of these rows.",
    "baseline": "What `mrbench baseline save` writes.",
    "results": "What `mrbench results build` writes for other pages.",
}


def page(kind: str) -> str:
    """Return the page of one kind of file or output."""
    schema = make_schema(kind)
    parts = schema["$defs"]
    lines = [
        f"# {TITLES[kind]}",
        "",
        ABOUT[kind] + f" `mrbench schema {kind}` prints the same as a JSON Schema."
        " Keys in **bold** are required.",
    ]
    if "properties" in schema:
        lines += ["", *_section(schema, parts)]
    for name, part in sorted(parts.items()):
        if "properties" in part:
            lines += ["", f"## {name}", "", *_section(part, parts)]
    return "\n".join(lines) + "\n"


def _section(part: Schema, parts: Schema) -> Iterator[str]:
    if text := part.get("description"):
        yield " ".join(text.split()).replace("<", "&lt;")
        yield ""
    yield "| key | type | meaning |"
    yield "|---|---|---|"
    required = part.get("required", ())
    for key, value in part["properties"].items():
        shown = f"**`{key}`**" if key in required else f"`{key}`"
        yield f"| {shown} | {_type(value, parts)} | {_meaning(value, required=key in required)} |"


def _meaning(value: Schema, *, required: bool) -> str:
    text = cell(value.get("description", ""))
    default = value.get("default")
    if required or default in (None, "", [], {}) or "Default:" in text or isinstance(default, dict):
        return text
    return f"{text} Default: `{json.dumps(default)}`.".strip()


def _type(value: Any, parts: Schema) -> str:  # noqa: ANN401 - any part of a schema
    if reference := value.get("$ref"):
        name = reference.rpartition("/")[2]
        if "properties" in parts[name]:
            return f"[{name}](#{name.lower()})"
        return _type(parts[name], parts)
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(each, parts) for each in value["anyOf"]))
    if "enum" in value:
        return ", ".join(f"`{each}`" for each in value["enum"])
    if "const" in value:
        return f"`{value['const']}`"
    return _of_json(value, parts)


def _of_json(value: Schema, parts: Schema) -> str:
    kinds = value.get("type", "any")
    if isinstance(kinds, list):
        ordered = sorted(kinds, key=lambda kind: kind == "array")  # "list of text or text" misleads
        return " or ".join(_of_json({**value, "type": kind}, parts) for kind in ordered)
    if kinds == "array":
        items: Schema = value.get("items") or next(iter(value.get("prefixItems", ())), {})
        return f"list of {_type(items, parts)}" if items else "list"
    if kinds == "object":
        values = value.get("additionalProperties")
        return f"map to {_type(values, parts)}" if isinstance(values, dict) and values else "map"
    return {"string": "text"}.get(kinds, str(kinds))
