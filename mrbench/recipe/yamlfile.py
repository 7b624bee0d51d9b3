"""Typed YAML: a file in, a msgspec struct out, or a RecipeError with file, line and key.

YAML is composed into nodes, which know their lines; the nodes become plain values as the struct's
types ask for them; msgspec makes the struct and checks its bounds.
"""

import contextlib
import functools
import math
import re
import shlex
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import msgspec
import yaml
from msgspec import inspect

from mrbench import files
from mrbench.errors import RecipeError
from mrbench.files import read_regular
from mrbench.model.inputs import ANY_TEXT, PROBLEM
from mrbench.model.work import OLD_NAMES
from mrbench.text import PLACEHOLDER, did_you_mean, nearest

MAX_DEPTH = 20
MAX_BYTES = 1 << 20  # recipes come from strangers; none needs a megabyte
MAX_TEXT = 80  # characters of a value that a message quotes
MAX_INT = 2**63 - 1
MAX_PROBLEMS = 100  # then reading ends: what strangers write may be wrong all over
MAX_SHOWN = 6  # of them in a message, beside the missing keys
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BARE_EXPONENT = re.compile(r"[-+]?\d+[eE][-+]?\d+")  # a number to JSON, a text to YAML 1.1
MISSING = "missing"
TODO = "TODO"  # stands for a number that somebody must fill in
_NAMES: Mapping[type[inspect.Type], str] = {
    inspect.LiteralType: "str",
    inspect.StrType: "str",
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.BoolType: "bool",
}
# In no text: a path cannot have NUL, and ESC would let a printed plan look like another.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
T = TypeVar("T")
Node = yaml.Node
Fill = Callable[[Node, str], None]


@functools.cache
def _type_info(cls: Hashable) -> inspect.Type:
    return inspect.type_info(cls)  # takes 1 ms; a suite has eight recipes


class Place(msgspec.Struct, frozen=True):
    """Where the keys of one file stand, for messages that name file, line and key."""

    file: str
    lines: Mapping[str, int]

    def error(self, key: str, text: str, remedy: str = "") -> RecipeError:
        """Make the error for `key` (dotted, as `source.commit`); the caller raises it."""
        return RecipeError(text, remedy, file=self.file, line=self.line(key), key=key)

    def line(self, key: str) -> int:
        """Return the line where `key` stands, or the key that it would stand in."""
        ancestor = key
        while ancestor and ancestor not in self.lines:
            ancestor = ancestor.rpartition("[" if ancestor.endswith("]") else ".")[0]
        return self.lines.get(ancestor, 1)


def load_yaml(cls: type[T], path: Path, fill: Fill | None = None) -> tuple[T, Place]:
    """Read one YAML (or JSON) file as `cls`; RecipeError if it does not fit.

    fill: changes the YAML's nodes before they are read; it is given the file's name as well.
    """
    try:
        raw = read_regular(path, MAX_BYTES + 1)
    except OSError as exc:
        longer = Path(f"{path}.yaml")
        remedy = f"did you mean {longer}?" if longer.is_file() else "check the path"
        raise RecipeError(f"cannot be read ({exc.strerror})", remedy, file=str(path)) from exc
    return parse_yaml(cls, raw, str(path), fill)


def parse_yaml(cls: type[T], raw: bytes, file: str, fill: Fill | None = None) -> tuple[T, Place]:
    """Read YAML text as `cls`; `file` is what messages call it. fill: as `load_yaml`."""
    node = _compose(raw, file)
    if fill is not None:
        fill(node, file)
    return decode_node(cls, node, file)


def decode_node(cls: type[T], node: yaml.Node, file: str, key: str = "") -> tuple[T, Place]:
    """Read a part of a file's YAML as `cls`; key: where it stands."""
    reader = _Reader(file)
    plain = reader.plain(_type_info(cast("Hashable", cls)), node, key)
    reader.raise_problems()
    try:
        return msgspec.convert(plain, cls), reader.place
    except msgspec.ValidationError as exc:
        raise reader.type_error(*files.explain(exc, plain, cls), plain) from exc


def dump(value: object) -> str:
    """Return plain values as YAML that `parse_yaml` reads."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=96))


def _compose(raw: bytes, file: str) -> yaml.Node:
    try:
        if len(raw) > MAX_BYTES:
            text = f"larger than {MAX_BYTES >> 20} MiB"
            raise RecipeError(text, "this is not a recipe", file=file)
        text = raw.decode("utf-8")
        if _depth(text) > MAX_DEPTH:
            raise RecipeError("nested too deeply", "this is not a recipe", file=file)
        node = yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as exc:
        raise RecipeError("is not UTF-8 text", "this is not a recipe", file=file) from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(exc, "problem", None) or "is not YAML"
        raise RecipeError(problem, "correct the YAML there", file=file, line=line) from exc
    if node is None:
        raise RecipeError("is empty", "start from a recipe that `mrbench list` shows", file=file)
    return node


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


class _Reader:
    """Turns nodes into plain values and collects the problems."""

    def __init__(self, file: str) -> None:
        self.lines: dict[str, int] = {}
        self.place = Place(file, self.lines)
        self.messages: dict[str, tuple[str, str]] = {}  # key: message and remedy if msgspec refuses
        self.problems: list[RecipeError] = []
        self.size = 0

    def add(self, key: str, text: str, remedy: str = "") -> None:
        self.problems.append(self.place.error(key or "(top)", text, remedy))
        if len(self.problems) >= MAX_PROBLEMS:
            self.raise_problems()

    def raise_problems(self) -> None:
        """Raise one error that lists all problems, if there are any."""
        if len(self.problems) == 1:
            raise self.problems[0]
        missing = [str(problem.key) for problem in self.problems if problem.text == MISSING]
        parts = [
            f"line {e.line}: {e.key}: {e.text}" + (f" ({e.remedy})" if e.remedy else "")
            for e in self.problems
            if e.text != MISSING
        ]
        parts[MAX_SHOWN:] = [f"{len(parts) - MAX_SHOWN} more"] if len(parts) > MAX_SHOWN else []
        remedy = "correct these" if parts else "add these keys"
        if missing:
            parts.append(f"missing: {', '.join(missing)}")
        if parts:
            line = min(problem.line or 1 for problem in self.problems)
            error = RecipeError("; ".join(parts), remedy, file=self.place.file, line=line)
            error.parts = tuple(self.problems)
            raise error

    def type_error(self, key: str, text: str, plain: object) -> RecipeError:
        """Return the error for a value that msgspec refused, with the type's own message if any."""
        if key in self.messages:
            problem, remedy = self.messages[key]
            return self.place.error(key, f"{files.at(plain, key)!r} {problem}", remedy)
        return self.place.error(key or "(top)", text, "correct the value")

    def plain(self, kind: inspect.Type, node: yaml.Node, key: str) -> object:
        """Return a node's value as its type asks for it; None, and a problem, if it cannot be."""
        self.count_size(node)
        self.lines.setdefault(key, node.start_mark.line + 1)
        any_text = False
        while isinstance(kind, inspect.Metadata | inspect.UnionType):
            if isinstance(kind, inspect.UnionType):
                if _null(node):
                    return None
                kind = _of_union(kind, node)
                continue
            notes, kind = kind.extra or {}, kind.type
            any_text = any_text or ANY_TEXT in notes
            if PROBLEM in notes:
                self.messages[key] = notes[PROBLEM]
        if isinstance(kind, inspect.StructType):
            return self.struct(kind, node, key)
        if isinstance(kind, inspect.DictType):
            items = self.items(node, key)
            return {n: self.plain(kind.value_type, v, _join(key, n)) for n, v in items}
        if isinstance(kind, inspect.VarTupleType):
            return self.sequence(kind.item_type, node, key)
        return self.scalar(kind, node, key, any_text=any_text)

    def count_size(self, node: yaml.Node) -> None:
        """Limit the size after aliases are expanded; RecipeError beyond it."""
        self.size += 1 + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
        if self.size > MAX_BYTES:
            text = f"larger than {MAX_BYTES >> 20} MiB with what its aliases repeat"
            raise RecipeError(text, "this is not a recipe", file=self.place.file)

    def struct(self, kind: inspect.StructType, node: yaml.Node, key: str) -> dict[str, object]:
        """Return a struct's keys and values: no unknown keys, none missing, none twice."""
        fields = {field.name: field for field in kind.fields}
        plain: dict[str, object] = {}
        unless: Mapping[str, Sequence[str]] = getattr(kind.cls, "UNLESS", {})
        missing = {field.name for field in kind.fields if field.required} | unless.keys()
        for given, value in self.items(node, key):
            name = given if given in fields else self.renamed(key, given)
            if name in plain:  # by its old name and by that of today
                self.add(_join(key, given), f"stands there as {name!r} or its old name", "keep one")
            missing.discard(name)
            if name in fields:
                plain[name] = self.plain(fields[name].type, value, _join(key, name))
            else:
                near = nearest(name, fields)
                missing.discard(near or "")
                known = f"known: {', '.join(fields)}"
                hint = f"did you mean {near!r}?" if near else known
                self.add(_join(key, name), "unknown key", hint)
        if isinstance(node, yaml.MappingNode):
            for name in fields:
                if name in missing and plain.keys().isdisjoint(unless.get(name, ())):
                    self.add(_join(key, name), MISSING, "add this key")
        return plain

    def renamed(self, key: str, name: str) -> str:
        """Return what a key of an older recipe is called today, and remember its line so, too."""
        new = OLD_NAMES.get(name, name)
        self.lines.setdefault(_join(key, new), self.lines[_join(key, name)])
        return new

    def items(self, node: yaml.Node, key: str) -> Iterator[tuple[str, yaml.Node]]:
        """Yield a mapping's keys and values."""
        if not isinstance(node, yaml.MappingNode):
            self.add(key, f"expected keys and values, not {_name(node)}")
            return
        names = set()
        for name_node, value in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                self.add(key, "a key must be a plain word")
                continue
            name = str(name_node.value)
            if not name.isprintable():
                self.add(key, f"the key {_cut(name)!r} has a control character", "remove it")
                continue
            self.lines[_join(key, name)] = name_node.start_mark.line + 1
            if name in names:
                self.add(_join(key, name), "given twice", "keep one")
                continue
            names.add(name)
            yield name, value

    def sequence(self, item: inspect.Type, node: yaml.Node, key: str) -> Sequence[object]:
        """Return a list; a command may be one line."""
        if isinstance(node, yaml.ScalarNode) and isinstance(_bare(item), inspect.StrType):
            text = self.text(node, key, "str")
            try:
                return shlex.split(text or "")
            except ValueError as exc:
                self.add(key, str(exc), "quote it as for a shell")
        elif not isinstance(node, yaml.SequenceNode):
            self.add(key, f"expected a list, not {_name(node)}")
        else:
            return [self.plain(item, n, f"{key}[{i}]") for i, n in enumerate(node.value)]
        return ()

    def scalar(self, kind: inspect.Type, node: yaml.Node, key: str, *, any_text: bool) -> object:
        """Return text, number or truth value; what YAML takes for another kind is refused."""
        name = _NAMES[type(kind)]
        text = self.text(node, key, name)
        if text is None:
            return None
        tag = node.tag.rpartition(":")[2]
        if isinstance(kind, inspect.LiteralType):
            text = text if text in kind.values else OLD_NAMES.get(text, text)
            if text not in kind.values:
                known = [str(value) for value in kind.values]
                self.add(
                    key, f"{text!r} is not one of {', '.join(known)}", did_you_mean(text, known)
                )
            return text
        if isinstance(kind, inspect.StrType):
            if tag in ("float", "int", "bool") and _unquoted(node) and not any_text:
                self.add(
                    key, f"{_cut(text)} is read as a number or truth value", "put it in quotes"
                )
            return text
        if isinstance(kind, inspect.BoolType) and tag == "bool":
            return text.lower() in ("true", "yes", "on")
        number = _number(node, text, name)
        if number is None and text == TODO:
            self.add(key, "is not filled in yet", "see the comment above it")
        elif number is None:
            self.add(key, f"{_cut(text)!r} is not of type {name}", "correct the value")
        return number

    def text(self, node: yaml.Node, key: str, expected: str) -> str | None:
        """Return what stands there, of a single value."""
        if not isinstance(node, yaml.ScalarNode):
            name = bare_placeholder(node)
            hint = f'put it in quotes: "{{{name}}}"' if name else ""
            self.add(key, f"expected {expected}, not {_name(node)}", hint)
        elif _null(node):
            self.add(key, "has no value", "give one or remove the key")
        else:
            text = str(node.value)
            if _CONTROL.search(text):
                self.add(key, f"{_cut(text)!r} has a control character", "remove it")
            return text
        return None


def _of_union(union: inspect.UnionType, node: yaml.Node) -> inspect.Type:
    """Return which of several types a node is to have: one of keys and values, or of a text."""
    kinds = [kind for kind in union.types if not isinstance(kind, inspect.NoneType)]
    structs = [kind for kind in kinds if isinstance(_bare(kind), inspect.StructType)]
    truths = [kind for kind in kinds if isinstance(_bare(kind), inspect.BoolType)]
    if structs and isinstance(node, yaml.MappingNode):
        return structs[0]
    if truths and str(node.tag).endswith(":bool"):
        return truths[0]
    return next((kind for kind in kinds if kind not in (*structs, *truths)), kinds[0])


def _number(node: yaml.Node, text: str, name: str) -> float | None:
    """Return an int or a float, or None; YAML 1.1 reads an int 050 as 40 and 1:30 as 90."""
    kind, plain = node.tag.rpartition(":")[2], text.replace("_", "")
    exponent = _unquoted(node) and _BARE_EXPONENT.fullmatch(text)
    with contextlib.suppress(ValueError):
        if name == "int" and kind == "int":
            number = int(plain, 0)
            return number if abs(number) <= MAX_INT else None
        if name == "float" and (kind in ("int", "float") or exponent):
            value = float(plain)
            return value if math.isfinite(value) else None
    return None


def _unquoted(node: yaml.Node) -> bool:
    return getattr(node, "style", None) in (None, "")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


def _bare(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def bare_placeholder(node: yaml.Node) -> str:
    """Return the name of {name} without quotes, which YAML takes for a key without a value."""
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1 and _null(node.value[0][1]):
        name = getattr(node.value[0][0], "value", "")
        return name if isinstance(name, str) and PLACEHOLDER.fullmatch(f"{{{name}}}") else ""
    return ""


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _name(node: yaml.Node) -> str:
    kinds = {"mapping": "keys and values", "sequence": "a list", "scalar": "a single value"}
    return kinds.get(getattr(node, "id", ""), "this")
