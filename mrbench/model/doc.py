"""The description of a value beside its type, as JSON Schema and the reference show it; no I/O."""

from msgspec import Meta


def doc(description: str) -> Meta:
    """Return the description, as the last part of an `Annotated`."""
    return Meta(description=description)
