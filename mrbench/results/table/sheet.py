"""A table as text before it has a format: headers, cells, links to runs, texts below it."""

import os
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mrbench.model.suite import Suite
from mrbench.model.table import TableRow
from mrbench.results import footnotes
from mrbench.results.lead import lead
from mrbench.results.selection import of_rows
from mrbench.results.table.columns import shortened
from mrbench.results.table.offered import columns_of, header, meanings
from mrbench.text import one_line

LINKED = ("throughput", "per_gpu", "run")
WIDTH = 100
# a verdict's first word, and the mark that stands before it in a step summary
MARKS = {"valid": "\u2705", "not judged": "\u2754", "invalid": "\u274c"}
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^\W\d_])")
UNEQUAL = "Not equal, and which way that pushes the throughput:"
NOTED = "\u26a0\ufe0f"


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Clean text, not yet escaped. cells[row][column]; links[row][column]: a run's folder or "".

    lead: the sentences above the table, or "". about: the suite's notes, or their first sentence.
    unequal: what differs among the rows' implementations, and which way it pushes the number.
    meanings: what the columns mean; reasons: those for no number that are too long for their cell,
    what slowed valid runs, and which runs of a plan are not shown; remarks: the other notes on
    valid rows; notes: the footnotes, each beginning with its [number]. licences: of what was
    trained. marks: of each row, for formats that show one. earlier: which runs are in no row.
    left_out: which columns a terminal has no room for.
    """

    title: str
    lead: str = ""
    about: str = ""
    unequal: Sequence[str] = ()
    headers: Sequence[str]
    right: Sequence[bool]
    cells: Sequence[Sequence[str]]
    links: Sequence[Sequence[str]]
    meanings: Sequence[str] = ()
    reasons: Sequence[str] = ()
    notes: Sequence[str] = ()
    marks: Sequence[str] = ()
    remarks: Sequence[str] = ()
    licences: str = ""
    earlier: str = ""
    left_out: str = ""

    @property
    def above(self) -> list[str]:
        """Return the text above the table, if there is one."""
        return [self.lead] if self.lead else []

    @property
    def parts(self) -> list[Sequence[str]]:
        """Return the texts below the table, in paragraphs that belong together."""
        left_out = [text for text in (self.left_out, self.earlier) if text]
        about, licences = ([text] if text else [] for text in (self.about, self.licences))
        unequal = [UNEQUAL, *self.unequal] if self.unequal else []
        parts = (left_out, about, unequal, self.meanings, self.reasons, self.remarks, self.notes)
        return [part for part in (*parts, licences) if part]

    @property
    def below(self) -> list[str]:
        """Return all texts below the table, a paragraph each."""
        return [text for part in self.parts for text in part]


def make(
    suite: Suite, rows: Sequence[TableRow], names: Sequence[str], *, whole: bool = False
) -> Sheet:
    """Lay out rows in the named columns; whole: with all of the suite's notes."""
    offered = columns_of(rows)
    linked = [name for name in names if name in LINKED] or names[:1]
    return Sheet(
        title=one_line(suite.title),
        lead=lead(rows, one_model=suite.one_model),
        about=about(suite, whole=whole),
        unequal=[
            one_line(text)
            for text in footnotes.unequal(suite.differences, [row.implementation for row in rows])
        ],
        headers=[header(offered[name], rows) for name in names],
        right=[offered[name].right for name in names],
        cells=[[one_line(offered[name].cell(suite, row)) for name in names] for row in rows],
        links=[[_link(row.folder) if n in linked else "" for n in names] for row in rows],
        meanings=meanings(names, rows),
        reasons=(
            *(_reasons(rows) if "status" in names else ()),
            *(one_line(f"{row.name}: {text}") for row in rows for text in row.slowed),
            *of_rows(rows),
        ),
        notes=[one_line(line) for line in footnotes.texts(rows)],
        marks=[NOTED if row.notes else MARKS.get(row.validity, "") for row in rows],
        licences=one_line(footnotes.licences(rows)),
        earlier=_earlier(rows),
        remarks=[
            one_line(f"{row.name}: {note}")
            for row in rows
            for note in row.notes
            if note not in row.slowed
        ],
    )


def about(suite: Suite, *, whole: bool = False) -> str:
    """Return the suite's notes as one line, or their first sentence."""
    text = one_line(suite.notes)
    return text if whole else SENTENCE.split(text, maxsplit=1)[0]


def _reasons(rows: Sequence[TableRow]) -> list[str]:
    """Return each reason that its cell has only the beginning of."""
    return [
        one_line(f"{row.name}: {row.reason}")
        for row in rows
        if row.status == "out_of_memory" or shortened(row.reason) != one_line(row.reason)
    ]


def _earlier(rows: Sequence[TableRow]) -> str:
    """Return how many earlier runs are in no row, or an empty text."""
    of_rows = [f"{row.earlier_runs} of {row.name}" for row in rows if row.earlier_runs]
    if not of_rows:
        return ""
    listed = ", ".join(of_rows)
    return one_line(
        f"Not shown: earlier runs of another plan or machine, {listed}; `mrbench runs` lists them."
    )


def _link(folder: str | None) -> str:
    """Return a folder below the current one relative to that, so that the table may go along."""
    if not folder:
        return ""
    relative = os.path.relpath(folder)
    return folder if os.pardir in Path(relative).parts[:1] else relative


def cut(text: str, width: int = WIDTH) -> str:
    """Return a paragraph as one line of at most that width, which ends in ... if it was longer."""
    return textwrap.shorten(text, width, placeholder=" ...")


def wrapped(text: str, width: int = WIDTH) -> str:
    """Return a paragraph in lines; those of a footnote are indented."""
    indent = " " * 4 if text.startswith("[") else ""
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
