"""What readers of other people's words share: placeholders filled, slips of the pen found."""

import re
from collections.abc import Iterable, Mapping

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders that `values` knows; leave the others for later."""
    return PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question with the known name that is nearest, or nothing if none is near."""
    import difflib  # noqa: PLC0415 - for mistakes only

    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""
