"""Pages that are made of the repository's own texts, and what the other generators share."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Files at the top of the repository that are pages of the site, too.
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def from_root(name: str) -> str:
    """Return a file at the top of the repository as a page; its links lead to pages."""
    text = (ROOT / name).read_text()
    text = re.sub(r"\]\(docs/", "](", text).replace("](.github/images/", "](images/")
    return to_pages(text)


def to_pages(text: str) -> str:
    """Lead links to files at the top of the repository to their pages."""
    for file, page in PAGES.items():
        text = re.sub(rf"\]\((\.\./)?{re.escape(file)}", f"]({page}", text)
    return text


def cell(text: str) -> str:
    """Return a text as a cell of a table."""
    for mark in ("\\", "|", "*"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("<", "&lt;").replace("\n", " ")
