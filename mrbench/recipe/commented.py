"""A recipe or suite as YAML in which a comment above each key says what belongs there."""

import re
import shlex
import textwrap
from collections.abc import Mapping
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import structs

from mrbench.recipe import yamlfile

WIDTH = 96
_PLAIN_WORD = re.compile(r"[\w@%+=:,./{}\[\]-]+")
Remarks = Mapping[str, str]  # dotted key: a text
NONE: Remarks = {}


def as_yaml(
    struct: msgspec.Struct,
    *,
    remarks: Remarks = NONE,
    open_keys: Remarks = NONE,
    more: Remarks = NONE,
) -> str:
    """Return the YAML of what differs from the defaults, a comment above each key.

    remarks: comments instead of the types' descriptions. open_keys: those that somebody must fill
    in, and with what; they are marked with TODO. more: lines that end a section, as they are.
    """
    texts = {"remarks": remarks, "todo": open_keys, "more": more}
    return "\n".join(_section(struct, "", texts)) + "\n"


def _section(struct: msgspec.Struct, key: str, texts: Mapping[str, Remarks]) -> list[str]:
    lines: list[str] = []
    indent = "  " * (key.count(".") + 1) if key else ""
    unset: list[str] = []
    for field in structs.fields(type(struct)):
        value = getattr(struct, field.name)
        inner = f"{key}.{field.name}" if key else field.name
        if not field.required and value == _default(field) and inner not in texts["todo"]:
            unset.append(field.name)
            continue
        if not key and lines:
            lines.append("")
        todo = texts["todo"].get(inner)
        comment = (
            f"TODO: {todo}"
            if todo
            else texts["remarks"].get(inner, description(type(struct), field.name))
        )
        lines += _comment(comment, indent)
        if isinstance(value, msgspec.Struct):
            lines += [f"{indent}{field.name}:", *_section(value, inner, texts)]
        else:
            lines += textwrap.indent(_entry(field.name, value), indent).splitlines()
    if key in texts["more"]:
        lines += textwrap.indent(texts["more"][key], f"{indent}# ").splitlines()
    elif key and unset:
        lines += _comment(f"More keys: {', '.join(unset)}.", indent)
    return lines


def _entry(name: str, value: object) -> str:
    """Return `name: value`; a command as one line, as people type it."""
    if name == "command" and isinstance(value, tuple):
        line = " ".join(w if _PLAIN_WORD.fullmatch(w) else shlex.quote(w) for w in value)
        return yamlfile.dump({name: line})
    return yamlfile.dump({name: _plain(value)})


def _plain(value: object) -> object:
    """Return a value as YAML holds it, structs in lists without their defaults."""
    if isinstance(value, msgspec.Struct):
        fields = structs.fields(type(value))
        set_ = [f for f in fields if f.required or getattr(value, f.name) != _default(f)]
        return {f.name: _plain(getattr(value, f.name)) for f in set_}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return msgspec.to_builtins(value)


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _default(field: structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def description(struct: type[msgspec.Struct], name: str) -> str:
    """Return what the type says of one of its keys; nothing where it says nothing."""
    return _described(get_type_hints(struct, include_extras=True)[name])


def _described(hint: Any) -> str:  # noqa: ANN401 - any type
    metas = getattr(hint, "__metadata__", ())
    found = [
        meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description
    ]
    if found:
        return str(found[-1])
    inner = get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) else ()
    return next((text for each in inner if (text := _described(each))), "")
