"""A recipe's parameters: their declarations, and the values put in place of {name} in its YAML.

They are filled in before the recipe is decoded by its types, so that `per_device: "{batch}"` is
a number like any other, with the bounds of its key.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from mrbench.errors import RecipeError
from mrbench.model.parameters import (
    CHARACTERS,
    ENVIRONMENT,
    Parameter,
    PlannedParameter,
    Setting,
    as_kind,
    is_safe,
    kind_of,
    typed,
)
from mrbench.model.recipe import Recipe
from mrbench.model.work import OLD_NAMES
from mrbench.recipe import yamlfile
from mrbench.recipe.yamlfile import Node, Place
from mrbench.text import PLACEHOLDER, PLACEHOLDERS, did_you_mean, fill_placeholders, shorten

KEY = "parameters"
LONGEST_NAME, MOST = 40, 32  # characters; parameters of one recipe
Given = Mapping[str, str]  # name: text of a value, as --set has it
NONE: Given = MappingProxyType({})
# What is for people only: a parameter that stands nowhere else changes nothing.
WORDS = ("title", "framework", "notes", "guards", "software", "starts_from", "sample")


def read_recipe(path: Path, given: Given = NONE) -> tuple[Recipe, Place]:
    """Read a recipe's file alone, with the values of its parameters in their places.

    given: values instead of the defaults. RecipeError says what is wrong with the recipe, or with
    a value that was given.
    """
    return yamlfile.load_yaml(Recipe, path, functools.partial(_fill, given=given))


def _fill(node: Node, file: str, given: Given) -> None:
    """Put the parameters' values into a recipe's YAML, which changes in place."""
    sections = list(_sections(node))
    declaring = next((value for name, value in sections if name == KEY), None)
    if declaring is None:
        _refuse_unknown(given, (), file)
        return
    declared, place = yamlfile.decode_node(dict[str, Parameter], declaring, file, KEY)
    set_to = planned(declared, given, place)
    values = {name: str(p.value) for name, p in set_to.items()}
    for name, parameter in declared.items():
        values |= parameter.fills.get(str(set_to[name].value), {})
    used: set[str] = set()
    seen: set[int] = set()
    for name, section in sections:
        if name != KEY:
            found = set(_filled(section, values, seen))
            used |= found if name not in WORDS else set()
    # what is wrong with names in braces without quotes, the reader says
    unquoted = {yamlfile.bare_placeholder(each) for each in _nodes(node, set())}
    for name, parameter in declared.items():
        if not {name, *_filling(parameter)} & (used | unquoted):
            raise place.error(
                f"{KEY}.{name}",
                "nothing uses it, so that each of its values would train the same",
                f'write "{{{name}}}", in quotes, where its value belongs, or remove it',
            )


def planned(
    declared: Mapping[str, Parameter], given: Given, place: Place
) -> dict[str, PlannedParameter]:
    """Return each parameter with its value; RecipeError for a wrong declaration or value."""
    if len(declared) > MOST:
        raise place.error(KEY, f"has {len(declared)} parameters", f"declare at most {MOST}")
    for name, parameter in declared.items():
        _check(name, parameter, place)
        _check_fills(name, declared, place)
    _refuse_unknown(given, tuple(declared), place.file)
    return {
        name: PlannedParameter(
            value=_value(name, parameter, given[name], place)
            if name in given
            else typed(parameter.default),
            default=typed(parameter.default),
            unit=parameter.unit,
            description=parameter.description,
        )
        for name, parameter in declared.items()
    }


def _check_name(name: str, key: str, place: Place) -> None:
    """Refuse what cannot stand in braces, or means something there already."""
    if not PLACEHOLDER.fullmatch(f"{{{name}}}") or name[0] == "_" or len(name) > LONGEST_NAME:
        remedy = f"write a name of small letters and _, at most {LONGEST_NAME}"
        raise place.error(key, f"{name!r} is not the name of a parameter", remedy)
    own = OLD_NAMES.get(name, name)
    if own in PLACEHOLDERS:
        text = f"{{{name}}} is mrbench's own: {PLACEHOLDERS[own]}"
        raise place.error(key, text, "choose another name")
    if name == ENVIRONMENT:
        raise place.error(key, "is what --environment sets", "choose another name")


def _filling(parameter: Parameter) -> set[str]:
    """Return the names that a parameter fills in beside its own."""
    return {name for texts in parameter.fills.values() for name in texts}


def _check_fills(name: str, declared: Mapping[str, Parameter], place: Place) -> None:
    """Refuse `fills` that leave a name without a text for some value, or with two."""
    parameter, key = declared[name], f"{KEY}.{name}.fills"
    others = [each for other, each in declared.items() if other != name]
    taken = {*declared, *(filled for other in others for filled in _filling(other))}
    for filled in sorted(_filling(parameter)):
        _check_name(filled, key, place)
        if filled in taken:
            raise place.error(key, f"{{{filled}}} has two meanings", "choose another name")
        if lacking := [v for v in parameter.values if filled not in parameter.fills.get(v, {})]:
            text = f"says nothing of {{{filled}}} for {', '.join(lacking)}"
            raise place.error(key, text, 'give its text there, "" for none')
    if unknown := [value for value in parameter.fills if value not in parameter.values]:
        text = f"{', '.join(unknown)} is none of values"
        raise place.error(key, text, "list in `values` what it may be")


def _check(name: str, parameter: Parameter, place: Place) -> None:
    key = f"{KEY}.{name}"
    _check_name(name, key, place)
    default = typed(parameter.default)
    allowed = []
    texts = {f"{key}.default": parameter.default}
    texts |= {f"{key}.values[{i}]": text for i, text in enumerate(parameter.values)}
    for where, text in texts.items():
        value = as_kind(text, default)
        if not is_safe(text):
            raise place.error(where, f"{shorten(repr(text))} is no value", f"write {CHARACTERS}")
        if value is None:
            kinds = f"{text} is not {kind_of(default)}, as the default {parameter.default} is"
            raise place.error(where, kinds, "give all values in one kind")
        allowed.append(value)
    if parameter.values and default not in allowed[1:]:
        text = f"the default {parameter.default} is none of values"
        raise place.error(f"{key}.default", text, "choose one of them, or add it there")


def _value(name: str, parameter: Parameter, text: str, place: Place) -> Setting:
    """Read a value that was given."""
    key, default, said = f"{KEY}.{name}", typed(parameter.default), f"--set {name}={shorten(text)}"
    value = as_kind(text, default)
    if not is_safe(text):
        raise place.error(key, f"{said} is no value", f"give {CHARACTERS}")
    if value is None:
        remedy = f"give one as the default {parameter.default}"
        raise place.error(key, f"{said} is not {kind_of(default)}", remedy)
    allowed = [as_kind(each, default) for each in parameter.values]
    if allowed and value not in allowed:
        known = ", ".join(parameter.values)
        raise place.error(f"{key}.values", f"{said} is not allowed", f"allowed: {shorten(known)}")
    return value


def _refuse_unknown(given: Given, known: Sequence[str], file: str) -> None:
    for name in given:
        if name not in known:
            listed = f"its parameters are {', '.join(known)}" if known else "it has no parameters"
            hint = f"{did_you_mean(name, known)} {listed}".lstrip()
            raise RecipeError(f"--set {name}: declares no such parameter", hint, file=file)


def _sections(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the keys at a node's top, and what stands there."""
    for pair in node.value if isinstance(node.value, list) else ():
        if isinstance(pair, tuple) and isinstance(pair[0].value, str):
            yield pair[0].value, pair[1]


def _nodes(node: Node, seen: set[int]) -> Iterator[Node]:
    """Yield a node and each below it once, also where aliases lead to it again.

    seen: what was yielded before, by id; it grows.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    yield node
    for inner in node.value if isinstance(node.value, list) else ():
        # of a mapping, pairs of key and value
        yield from _nodes(inner[1] if isinstance(inner, tuple) else inner, seen)


def _filled(node: Node, values: Mapping[str, str], seen: set[int]) -> Iterator[str]:
    """Fill in the values below a node; yields the names used. seen: as _nodes."""
    for scalar in _nodes(node, seen):
        if not isinstance(scalar.value, str):
            continue
        names = [name for name in PLACEHOLDER.findall(scalar.value) if name in values]
        yield from names
        if names:
            whole = scalar.value == f"{{{names[0]}}}"
            scalar.value = fill_placeholders(scalar.value, values)
            if whole:
                scalar.tag = f"tag:yaml.org,2002:{_tag(scalar.value)}"


def _tag(text: str) -> str:
    """Return what YAML would call the value if it stood there without quotes."""
    value = typed(text)
    if isinstance(value, str):
        return "bool" if value in ("true", "false") else "str"
    return "int" if isinstance(value, int) else "float"
