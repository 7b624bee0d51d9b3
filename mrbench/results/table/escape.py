"""Makes other people's text harmless in each format: it shows as written, and does nothing."""

import html as htmllib
import re
from urllib.parse import quote

MARKDOWN = re.compile(r"[\\`*_{}\[\]|~$#!]")
RST = re.compile(r"[\\`*_|:]")
# begins what is no paragraph: a list, an option, a directive, a table, a title's line
RST_BLOCK = re.compile(r"[^\w\\]|\w+[.)](\s|$)")
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # babel's shorthands begin with it
    "[": "{[}",  # after a row's end it would be that row's argument
    "]": "{]}",
    "*": "{*}",  # the same
    "`": r"\textasciigrave{}",
    "\u00b1": r"$\pm$",
}


def markdown(text: str) -> str:
    """Escape clean text for GitHub's Markdown: no markup, no HTML, nobody is called by @."""
    text = MARKDOWN.sub(r"\\\g<0>", text.replace("&", "&amp;"))
    text = text.replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"@(?=\w)", "@<!-- -->", text)


def html(text: str) -> str:
    """Escape clean text for HTML, in elements and in quoted attributes."""
    return htmllib.escape(text)


def rst(text: str) -> str:
    """Escape clean text for reStructuredText, where a cell may begin a list or a directive."""
    escaped = RST.sub(r"\\\g<0>", text)
    if set(escaped) == {"\\"}:
        return f"\\ {escaped}"  # they alone would be a title's line
    return f"\\{escaped}" if RST_BLOCK.match(escaped) else escaped


def latex(text: str) -> str:
    """Escape clean text for LaTeX's text mode."""
    return "".join(LATEX.get(c, c) for c in text).replace("--", "-{}-")


def url(path: str) -> str:
    """Return a path as the relative or absolute URL of links; no character of it needs escapes."""
    quoted = quote(path.encode("utf-8", "surrogateescape"), safe="/")
    quoted = quoted[:-1] + "%5F" if quoted.endswith("_") else quoted  # rst would take it for a name
    return quoted if path.startswith(("/", "../")) else f"./{quoted}"
