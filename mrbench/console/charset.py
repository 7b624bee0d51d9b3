"""Texts in the characters that a stream can take."""


def encodable(text: str, encoding: str) -> str:
    """Return a text with what the encoding lacks written out: \u00b1 as +/-, else escapes."""
    if not encoding.lower().startswith("utf"):
        text = text.replace("\u00b1", "+/-")
    return text.encode(encoding, "backslashreplace").decode(encoding)
