"""Parameters of recipes: what may be set for a run, and the values that it is set to; no I/O."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Struct

from mrbench.model.doc import doc
from mrbench.model.inputs import Value

Setting = int | float | str  # a parameter's value; truth values are texts, as they stand in YAML
Kind = Literal["a whole number", "a number", "a text"]
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
# Of a value's text: nothing that a shell, a list of words or a placeholder would take apart.
_SAFE = re.compile(r"[A-Za-z0-9._/:+@=%^-]{1,100}")
# What --environment sets: no recipe declares it.
ENVIRONMENT, OWN = "environment", "own"
CHARACTERS = "letters, digits and . _ / : + @ = % ^ - only"


class Parameter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One that a recipe declares; where its text has {name}, the parameter's value is put."""

    default: Annotated[Value, doc("Value where --set gives no other, e.g. 2.")]
    values: Annotated[
        tuple[Value, ...],
        doc(
            "Values that it may have, e.g. [1, 2, 4]. Default: any of the default's kind, which is"
            " a whole number, a number or a text."
        ),
    ] = ()
    unit: Annotated[str, doc("Unit of the value, e.g. pixels. Default: none.")] = ""
    description: Annotated[str, doc("What it changes, in words.")] = ""
    memory: Annotated[
        Literal["grows", "any"],
        doc(
            "Whether a larger value takes more memory: where one ran out of memory, a grid leaves"
            " out the larger ones. Of texts it has no meaning."
        ),
    ] = "grows"
    fills: Annotated[
        Mapping[Value, Mapping[str, Value]],
        doc(
            "Further placeholders that each of `values` fills in, for options that are called"
            ' otherwise than the value, e.g. {float32: {amp: ""}, float16: {amp: --amp}}.'
        ),
    ] = {}


class PlannedParameter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parameter with the value that a plan gives it."""

    value: Annotated[Setting, doc("Value that the plan was made with.")]
    default: Annotated[Setting, doc("Value that the recipe gives it by itself.")]
    unit: Annotated[str, doc("Unit of the value; empty: none.")] = ""
    description: Annotated[str, doc("What it changes, in words.")] = ""


Planned = Mapping[str, PlannedParameter]


def typed(text: str) -> Setting:
    """Return a value as the number that it is, else as the text."""
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def kind_of(value: Setting) -> Kind:
    """Return which kind of value it is, in words."""
    if isinstance(value, str):
        return "a text"
    return "a whole number" if isinstance(value, int) else "a number"


def as_kind(text: str, like: Setting) -> Setting | None:
    """Return a value of the same kind as another one; None if it cannot be that."""
    if isinstance(like, str):
        return text
    value = typed(text)
    if isinstance(like, int):
        return value if isinstance(value, int) else None
    return None if isinstance(value, str) else float(value)


def is_safe(text: str) -> bool:
    """Tell whether a value has only CHARACTERS, at most 100."""
    return _SAFE.fullmatch(text) is not None


def changed(parameters: Planned) -> dict[str, str]:
    """Return the parameters that have another value than their default, as texts, by name.

    Sorted, as record.json has them, so that a run is called the same while it lasts and later.
    """
    return {n: str(p.value) for n, p in sorted(parameters.items()) if p.value != p.default}


def settings(texts: Mapping[str, str]) -> str:
    """Return parameters with their values in one line, as `batch=4 width=256`."""
    return " ".join(f"{name}={text}" for name, text in texts.items())
