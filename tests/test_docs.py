"""The generated pages of docs/ have what they are about; `make docs` finds their dead links."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml

from mrbench.cli.commands.schema import KINDS, make_schema
from mrbench.measure.parsers import FORMAT_NAMES

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs" / "generator"))
import commandline  # noqa: E402 - found by the line above
import figures  # noqa: E402 - the same
import logformats  # noqa: E402 - the same
import reference  # noqa: E402 - the same
from mrbench.cli import command_names  # noqa: E402 - after them, as they sort


def test_every_key_stands_on_the_page_of_its_kind() -> None:
    assert set(reference.TITLES) == set(KINDS)
    for kind in KINDS:
        page, schema = reference.page(kind), make_schema(kind)
        for part in (schema, *schema["$defs"].values()):
            for key in part.get("properties", ()):
                assert f"`{key}`" in page, f"{kind}: {key}"


def test_every_command_and_format_has_its_place() -> None:
    commands, formats = commandline.page(), logformats.page()
    assert [name for name in command_names() if f"\n## {name}\n" not in commands] == []
    assert [name for name in FORMAT_NAMES if f"| `{name}` |" not in formats] == []


def test_drawings_are_the_same_each_time() -> None:
    for draw in figures.FIGURES.values():
        ET.fromstring(draw())  # noqa: S314 - our own
        assert draw() == draw()


def test_the_readme_is_short_and_the_citation_is_one() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
