"""Keys that came later: left out while they have their default, so that digests stay."""

from typing import Any

import msgspec
from msgspec import Struct


def as_ever(value: Struct) -> dict[str, Any]:  # any: whatever JSON holds
    """Return a value as JSON holds it, without the keys that came later and say nothing.

    A type names those in LATER, with the default of each.
    """
    content: dict[str, Any] = msgspec.to_builtins(value)
    _prune(value, content)
    return content


def _prune(value: object, content: Any) -> None:  # noqa: ANN401 - as above
    if isinstance(value, tuple) and value and isinstance(value[0], Struct):
        for item, inner in zip(value, content, strict=True):
            _prune(item, inner)
    if isinstance(value, Struct):
        later = getattr(value, "LATER", {})
        for name in value.__struct_fields__:
            part = getattr(value, name)
            if name in later and part == later[name]:
                del content[name]
            elif isinstance(part, Struct | tuple):
                _prune(part, content[name])
