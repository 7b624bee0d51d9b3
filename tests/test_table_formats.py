"""Every format holds what the rows say, whatever they are called, and does nothing else."""

import csv
import io
import itertools
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mrbench.model.table import TableRow
from mrbench.recipe.load import load_suite
from mrbench.results import table
from mrbench.results.rows import choose_reference, make_rows
from mrbench.results.table.columns import COLUMNS
from mrbench.text import one_line
from test_table import SUITE, record

# "Main Results" of the published benchmark, as its authors wrote it
PUBLISHED = r"""
+-------------------------------+--------------------+
| Implementation                | Throughput (img/s) |
+===============================+====================+
| |D2| |PT|                     | 59                 |
+-------------------------------+--------------------+
| maskrcnn-benchmark_  |PT|     | 51                 |
+-------------------------------+--------------------+
| tensorpack_ |TF|              | 50                 |
+-------------------------------+--------------------+
| mmdetection_  |PT|            | 41                 |
+-------------------------------+--------------------+
| simpledet_ |mxnet|            | 39                 |
+-------------------------------+--------------------+
| Detectron_  |C2|              | 19                 |
+-------------------------------+--------------------+
| `matterport/Mask_RCNN`__ |TF| | 14                 |
+-------------------------------+--------------------+
""".strip()
NASTY = (
    "a|b",
    "<script>alert(1)</script>",
    r"\input{/etc/passwd}",
    "two\nlines",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://x\x1b\\link",
    "*bold* _it_ `code` ~~no~~ $x$",
    "[name](http://x)",
    "![pic](http://x)",
    "@someone",
    "=1+1",
    "-",
    "1. one",
    ".. raw:: html",
    "|sub| name_ `t <javascript:x>`__ ::",
    "\\",
    "\\\\\\",
    "}",
    "{",
    "% rest",
    "# heading",
    "[1]",
    "\u202eturned",
    "\u4e2d\u6587",
    "e\u0301",
    "\x85\u2028x",
    "\\\\ & \\end{tabular}",
    "+---+",
    "--format",
    "&lt;",
)
TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(NASTY), min_size=2, max_size=3).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
).filter(one_line)
NAMES = ["implementation", "framework", "throughput", "status"]


def made(texts: Sequence[str]) -> list[TableRow]:
    """Return a row for each text, which stands wherever other people's may."""
    records = [
        record(
            text,
            60.0 - i if i % 2 == 0 else None,
            plan={
                "framework": text,
                "adaptation": {"reason": text, "patches": [text], "stand_ins": {text: text}},
            },
            folder=f"runs/{one_line(text).replace('/', '')}/{i}",
            reason=text,
            plan_digest=str(i),
            validity={"verdict": "valid", "why": text, "notes": [text]},
        )
        for i, text in enumerate(dict.fromkeys(texts))
    ]
    return make_rows(SUITE, records)


class Elements(HTMLParser):
    """What a browser would see: which elements, with which attributes, and their text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"href", "style"}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if set(self.open) & {"td", "th"}:
            self.cells[-1] += text


def cells_of(rows: list[TableRow]) -> list[str]:
    """Return the text of all cells of the four columns, row by row."""
    return [one_line(COLUMNS[name].cell(SUITE, row)) for row in rows for name in NAMES]


def same(found: Sequence[str], rows: list[TableRow]) -> bool:
    return ["".join(c.split()) for c in found] == ["".join(c.split()) for c in cells_of(rows)]


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(list(NASTY))
def test_json_and_csv_read_back(texts: list[str]) -> None:
    rows = made(texts)
    assert json.loads(table.render(SUITE, rows, "json")) == json.loads(msgspec.json.encode(rows))
    text = table.render(SUITE, rows, "csv")
    assert one_line(text.replace("\n", " ")) == " ".join(text.split())
    read = list(csv.DictReader(io.StringIO(text)))
    assert len(read) == len(rows)
    for found, row in zip(read, rows, strict=True):
        assert found["implementation"].lstrip("'") == one_line(row.implementation).lstrip("'")
        assert found["implementation"][0] not in "=+-@"
        rate = row.throughput
        assert found["throughput"] == ("" if rate is None else str(rate))


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(list(NASTY))
def test_html_has_our_elements_alone(texts: list[str]) -> None:
    rows = made(texts)
    page = Elements()
    page.feed(table.render(SUITE, rows, "html", NAMES))
    page.close()
    assert page.open == []
    allowed = {"section", "table", "caption", "thead", "tbody", "tr", "th", "td", "a", "p"}
    assert page.tags <= allowed
    assert all(link.startswith("./runs/") for link in page.links)
    assert len(page.links) == len(rows)
    assert same(page.cells[len(NAMES) :], rows)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from(["markdown", "github"]))
@example(list(NASTY), "github")
def test_markdown_has_equal_cells_and_no_markup_but_ours(texts: list[str], style: str) -> None:
    rows = made(texts)
    text = table.render(SUITE, rows, style, NAMES)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines} == {len(NAMES) + 1}
    assert not re.search(r"@\w", text)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    inline = [token for top in tokens for token in [top, *(top.children or ())]]
    links = [str(t.attrs["href"]) for t in inline if t.type == "link_open"]
    assert len(links) == len(rows)
    assert all(link.startswith("./runs/") for link in links)
    kinds = {t.type for t in inline}
    assert not kinds & {"em_open", "strong_open", "s_open", "code_inline", "image", "fence"}
    assert {t.content for t in inline if t.type == "html_inline"} <= {"<!-- -->"}
    html = [t.content.strip() for t in inline if t.type == "html_block"]
    opening = "<details><summary>Notes</summary>"
    assert html == ([opening, "</details>"] if style == "github" else [])
    cells = [
        "".join(c.content for c in after.children or () if c.type == "text")
        for before, after in itertools.pairwise(tokens)
        if before.type == "td_open"
    ]
    if style == "markdown":
        assert same(cells, rows)


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(list(NASTY))
def test_rst_is_a_table_of_plain_paragraphs(texts: list[str]) -> None:
    rows = made(texts)
    text = table.render(SUITE, rows, "rst", NAMES)
    tree = publish_doctree(text, settings_overrides={"report_level": 5})
    assert not list(tree.findall(nodes.system_message))
    assert len(list(tree.findall(nodes.row))) == len(rows) + 1
    cells = [cell.astext() for cell in tree.findall(nodes.entry)][len(NAMES) :]
    assert same(cells, rows)
    links = [r["refuri"] for r in tree.findall(nodes.reference) if "://" not in r["refuri"]]
    assert sum(link.startswith("./runs/") for link in links) == len(rows)


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(list(NASTY))
def test_latex_has_our_commands_alone(texts: list[str]) -> None:
    rows = made(texts)
    text = table.render(SUITE, rows, "latex", NAMES)
    bare = re.sub(r"\\[{}$&%#_]", "", text.replace("\\\\\n", "\n"))
    assert bare.count("{") == bare.count("}")
    known = "begin end hline noindent textbackslash textasciitilde textasciicircum textless"
    known += " textgreater textbar textasciigrave char pm"
    assert set(re.findall(r"\\([a-zA-Z]+|.)", bare)) <= set(known.split())
    assert bare.count("\\begin") == bare.count("\\end") == 1
    assert "%" not in bare
    for line in bare.split("\\hline\n")[2].splitlines():
        assert line.count("&") == len(NAMES) - 1


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(list(NASTY))
@example([f"{'a long name ' * 5}\u202eturned"])  # as long as a reason that its cell cannot hold
def test_plain_has_a_line_for_each_row_and_no_control_characters(texts: list[str]) -> None:
    rows = made(texts)
    text = table.render(SUITE, rows, "plain", NAMES)
    assert all(line.isprintable() for line in text.splitlines())
    lines = text.partition("\n\n")[2].splitlines()  # below the lead
    assert lines[len(rows) + 2] == ""
    for line, row in zip(lines[2:], rows, strict=False):
        assert line.startswith(one_line(row.implementation))


def test_the_published_table_is_reproduced_byte_for_byte() -> None:
    suite = load_suite("2019")
    reference = choose_reference(suite, None)
    assert reference is not None
    text = table.render_published("2019", suite, reference, "rst")
    assert text.startswith(f"{PUBLISHED}\n\n.. _maskrcnn-benchmark: https://github.com/")
    assert text.endswith("\n   :target: https://caffe2.ai")
    tree = publish_doctree(text, settings_overrides={"report_level": 5})
    assert not list(tree.findall(nodes.system_message))  # all names that it uses are defined


@pytest.mark.parametrize("style", table.FORMATS)
def test_a_published_table_in_every_format(style: str) -> None:
    suite = load_suite("2019")
    for name, rate in (("2019-10", "41"), ("2020-05", "53")):
        reference = choose_reference(suite, name)
        assert reference is not None
        text = table.render_published("2019", suite, reference, style)
        assert re.search(rf"mmdetection[^\d]*{rate}\b", text)
        assert style == "rst" or "github.com/facebookresearch/detectron2/blob/" in text


def test_every_format_tells_what_its_columns_mean(tmp_path: Path) -> None:
    within = {"throughput": 60.0, "low": 59.6, "high": 60.5}
    measurement = {"throughput": 60.0, "interval": within}
    alone = record("a", 60, measurement=measurement, folder=str(tmp_path))
    rows = make_rows(SUITE, [alone])
    for style in table.MARKUP:
        assert "within that run, which says" in table.render(SUITE, rows, style)
    text = table.render(SUITE, rows, "markdown", ["implementation", "interval", "per_gpu"])
    assert "| a " in text
    assert "59.6 to 60.5" in text
    assert re.search(r"\[30\.00? ± 0\.2\d?\]", text)
