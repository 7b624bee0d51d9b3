"""Typed YAML: a file in, a frozen dataclass out, or a RecipeError with file, line and key."""

import dataclasses
import math
import re
import shlex
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

import yaml

from mrbench.errors import RecipeError
from mrbench.wording import did_you_mean

MAX_DEPTH = 20
MAX_BYTES = 1 << 20  # recipes come from strangers; none needs a megabyte
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BARE_EXPONENT = re.compile(r"[-+]?\d+[eE][-+]?\d+")  # a number to JSON, a text to YAML 1.1
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the keys of one file stand, for messages that name file, line and key."""

    file: str
    lines: Mapping[str, int]

    def error(self, key: str, text: str, remedy: str = "") -> RecipeError:
        """Make the error for `key` (dotted, as `source.commit`); the caller raises it."""
        return RecipeError(text, remedy, file=self.file, line=self.line(key), key=key)

    def line(self, key: str) -> int:
        """Return the line where `key` stands, or the key that it would stand in."""
        known = key
        while known and known not in self.lines:
            known = known.rpartition(".")[0]
        return self.lines.get(known, 1)


def load(cls: type[T], path: Path) -> tuple[T, Place]:
    """Read one YAML (or JSON) file as `cls`; RecipeError if it does not fit."""
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise RecipeError(f"{path}: cannot be read ({exc.strerror}); check the path") from exc
    return parse(cls, raw, str(path))


def parse(cls: type[T], raw: bytes, file: str) -> tuple[T, Place]:
    """Read YAML text as `cls`; `file` is what messages call it."""
    if len(raw) > MAX_BYTES:
        raise RecipeError(f"{file}: larger than {MAX_BYTES >> 20} MiB; this is no recipe")
    lines: dict[str, int] = {}
    try:
        text = raw.decode("utf-8")
        if _depth(text) > MAX_DEPTH:
            raise RecipeError(f"{file}: nested too deeply; this is no recipe")
        node = yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as exc:
        raise RecipeError(f"{file}: is not UTF-8 text; this is no recipe") from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(exc, "problem", None) or "is not YAML"
        raise RecipeError(problem, "correct the YAML there", file=file, line=line) from exc
    reader = _Reader(Place(file, lines), lines)
    if node is None:
        raise RecipeError(f"{file}: is empty; start from a recipe that `mrbench list` shows")
    return typing.cast("T", reader.build(cls, node, "")), reader.place


def _depth(text: str) -> int:
    """Return how deep it nests; composing recurses in C, without a check of its own."""
    depth = deepest = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
    return deepest


@dataclasses.dataclass
class _Reader:
    place: Place
    lines: dict[str, int]

    def fail(self, key: str, message: str) -> NoReturn:
        raise self.place.error(key or "(top)", message)

    def build(self, cls: type, node: yaml.Node, key: str) -> object:
        """Make a dataclass of a mapping: no unknown keys, none missing, none twice."""
        self.lines.setdefault(key, node.start_mark.line + 1)
        hints = typing.get_type_hints(cls)
        known = {f.name: f for f in dataclasses.fields(cls)}
        given: dict[str, Any] = {}
        for name, value in self.items(node, key):
            if name not in known:
                hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
                self.fail(_join(key, name), f"unknown key; {hint}")
            given[name] = self.convert(hints[name], value, _join(key, name))
        for name, spec in known.items():
            default = spec.default is not dataclasses.MISSING
            if name not in given and not default and spec.default_factory is dataclasses.MISSING:
                self.fail(_join(key, name), "missing; add this key")
        return cls(**given)

    def items(self, node: yaml.Node, key: str) -> list[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self.fail(key, f"expected keys and values, not {_name(node)}")
        seen: list[tuple[str, yaml.Node]] = []
        for name_node, value in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                self.fail(key, "a key must be a plain word")
            name = str(name_node.value)
            self.lines[_join(key, name)] = name_node.start_mark.line + 1
            if name in dict(seen):
                self.fail(_join(key, name), "given twice; keep one")
            seen.append((name, value))
        return seen

    def convert(self, hint: Any, node: yaml.Node, key: str) -> object:  # noqa: ANN401, PLR0911 - one return per kind of type hint
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if dataclasses.is_dataclass(hint):
            return self.build(typing.cast("type", hint), node, key)
        if origin in (typing.Union, types.UnionType):
            if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null"):
                return None
            return self.convert(args[0], node, key)
        if origin is Literal:
            text = self.scalar(node, key, "str")
            if text not in args:
                hint_text = did_you_mean(text, args)
                self.fail(
                    key, f"{text!r} is not one of {', '.join(args)}; {hint_text}".rstrip("; ")
                )
            return text
        if origin is tuple:
            return self.sequence(args[0], node, key)
        if origin is not None and issubclass(origin, Mapping):
            return {
                n: self.convert_value(args[1], v, _join(key, n)) for n, v in self.items(node, key)
            }
        return self.convert_value(hint, node, key)

    def sequence(self, item: Any, node: yaml.Node, key: str) -> tuple[object, ...]:  # noqa: ANN401 - a type hint
        if isinstance(node, yaml.ScalarNode) and item is str:  # a command on one line
            try:
                return tuple(shlex.split(self.scalar(node, key, "str")))
            except ValueError as exc:
                self.fail(key, f"{exc}; quote it as for a shell")
        if not isinstance(node, yaml.SequenceNode):
            self.fail(key, f"expected a list, not {_name(node)}")
        return tuple(self.convert(item, n, f"{key}[{i}]") for i, n in enumerate(node.value))

    def convert_value(self, hint: Any, node: yaml.Node, key: str) -> object:  # noqa: ANN401 - a type hint
        text = self.scalar(node, key, hint.__name__)
        self.lines.setdefault(key, node.start_mark.line + 1)
        kind = node.tag.rpartition(":")[2]
        if hint is str:
            if kind in ("float", "int", "bool") and getattr(node, "style", None) in (None, ""):
                if "." in key and key.rpartition(".")[0].endswith(("variables", "software")):
                    return text  # values of variables are text, whatever they look like
                self.fail(key, f"{text} is read as a number or truth value; put it in quotes")
            return text
        if hint is bool and kind == "bool":
            return text.lower() in ("true", "yes", "on")
        bare = getattr(node, "style", None) in (None, "") and _BARE_EXPONENT.fullmatch(text)
        plain = text.replace("_", "")
        try:
            if hint is int and kind == "int":
                return int(plain, 0)
            if hint is float and (kind in ("int", "float") or bare) and math.isfinite(float(plain)):
                return float(plain)
        except ValueError:  # YAML reads 050 and 1:30 as numbers, too; nobody means 40 and 90
            pass
        return self.fail(key, f"{text!r} is not of type {hint.__name__}; correct the value")

    def scalar(self, node: yaml.Node, key: str, expected: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self.fail(key, f"expected {expected}, not {_name(node)}")
        if node.tag.endswith(":null"):
            self.fail(key, "has no value; give one or remove the key")
        return str(node.value)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _name(node: yaml.Node) -> str:
    kinds = {"mapping": "keys and values", "sequence": "a list", "scalar": "a single value"}
    return kinds.get(getattr(node, "id", ""), "this")
