"""Hook of mkdocs: adds the pages and pictures that are generated, and keeps the site offline.

mkdocs calls on_files and on_post_page by their names. Nothing is written beside the pages' sources.
"""

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import commandline
import exits
import figures
import keptresults
import logformats
import peaks
import publishedrules
import reference
import suites
from pages import ROOT, from_root

# What a browser would load from another server.
LOADED = re.compile(r"<(?:script|img|source|iframe)\b[^>]*\bsrc=\"?https?:|<link\b[^>]*https?:")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages: dict[str, str] = {
        "index.md": from_root("README.md"),
        "contributing.md": from_root("CONTRIBUTING.md"),
        "changelog.md": from_root("CHANGELOG.md"),
        "reference/commands.md": commandline.page(),
        "reference/formats.md": logformats.page(),
        "reference/peaks.md": peaks.page(),
        "reference/published-rules.md": publishedrules.page(),
        "reference/suites.md": suites.page(),
        "reference/exit-codes.md": exits.page(),
        **{f"reference/{kind}.md": reference.page(kind) for kind in reference.TITLES},
        **{f"images/{name}.svg": draw() for name, draw in figures.FIGURES.items()},
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    for path, raw in keptresults.files().items():
        files.append(File.generated(config, path, content=raw))
    for picture in sorted((ROOT / ".github" / "images").iterdir()):
        path = f"images/{picture.name}"
        files.append(File.generated(config, path, content=picture.read_bytes()))
    return files


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001 - mkdocs' signature
    """Refuse a page that loads something from another server."""
    if found := LOADED.search(output):
        raise PluginError(f"{page.file.src_uri}: loads from another server: {found[0]}")
    return output
