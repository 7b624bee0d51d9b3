"""Writes the report down: one file with its style, its script, plotly.js and all numbers.

Names and texts of records are other people's. jinja2 escapes them in HTML; in the numbers for the
script every `<` is written as an escape, so that no text can end the element; and a content
security policy lets no other script run and nothing be fetched, should either fail.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mrbench import __version__
from mrbench.errors import UnavailableError
from mrbench.model.ledger import PlanRuns
from mrbench.model.table import TableRow
from mrbench.model.work import rate_name
from mrbench.results import footnotes, pareto
from mrbench.results.lead import lead
from mrbench.results.report import differences
from mrbench.results.report.concerns import Concern, concerns
from mrbench.results.report.differences import CodedFacts, FromFirst
from mrbench.results.report.figures import (  # fmt: skip
    course,
    during,
    energy,
    front,
    history,
    ranking,
    scaled,
    split,
)
from mrbench.results.report.figures.base import Figure, Json
from mrbench.results.report.gather import (
    Chapter,
    ReportContent,
    ReportRun,
    download_rows,
    download_runs,
)
from mrbench.results.selection import n_of_m, of_rows
from mrbench.results.show import facts_of
from mrbench.results.table.columns import Column, known, with_interval
from mrbench.results.table.offered import METRIC, PARAMETERS, columns_of, header, meanings
from mrbench.text import counted, shorten

if TYPE_CHECKING:
    import jinja2

HERE = Path(__file__).parent
PLOTLY = HERE / "plotly"  # see its README.md
MOST_POINTS = 100_000  # of all figures together: about 1.2 MB
FEWEST, MOST = 40, 2000  # points of one line
DOWNLOADS = ("rows.csv", "runs.csv", "series.csv", "report.json")
USED = ("_bytes", "joules_per_unit", "mfu")  # ends of keys of a row
LONGEST = 1500  # characters of a fact; lists of packages are long
MARKS = {"valid": "valid", "valid with notes": "notes", "not judged": "judged"}


class PageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ranking, or of the rows without a valid run, in words.

    front: the mark of a row on the Pareto front. used: parameters, memory, energy and metrics, one
    cell for each of PageChapter.used.
    """

    front: str
    throughput: str
    used: Sequence[str]
    count: str
    verdict: str
    mark: str
    of: TableRow


class Part(msgspec.Struct, frozen=True):
    """A part of a chapter with its figures; missing: what is not shown, and why.

    folded: figures that a reader has to open.
    """

    kind: str
    title: str
    figures: Sequence[Figure] = ()
    missing: Sequence[str] = ()
    folded: Sequence[Figure] = ()


class PageChapter(msgspec.Struct, frozen=True, kw_only=True):
    """All that the template shows of a suite. empty: titles of parts left out, and why.

    rate: what its throughputs are called. origins: where the number of each row comes from, by
    name and text of each fact. used: heads of the columns on
    parameters, memory, energy and metrics; meanings: what stands in them, and what the mark says.
    """

    key: str
    name: str
    title: str
    lead: str
    rate: str
    about: str
    parts: Sequence[Part]
    empty: Sequence[tuple[str, str]]
    used: Sequence[str]
    meanings: Sequence[str]
    ranked: Sequence[PageRow]
    unranked: Sequence[PageRow]
    unequal: Sequence[str]
    licences: str
    footnotes: Sequence[str]
    concerns: Sequence[Concern]
    origins: Sequence[tuple[str, Mapping[str, str]]]
    facts: CodedFacts
    first: str
    from_first: Sequence[FromFirst]
    of: Chapter


def build(report: ReportContent) -> str:
    """Return the page. UnavailableError if jinja2 is missing."""
    environment = _environment()
    plotly, licence = (
        (PLOTLY / name).read_text(encoding="utf-8") for name in ("plotly-basic.min.js", "LICENSE")
    )
    most = _points(report)
    chapters = [_chapter(chapter, f"suite{i}", most) for i, chapter in enumerate(report.chapters)]
    arrays: dict[tuple[object, ...], int] = {}
    parts = [part for chapter in chapters for part in chapter.parts]
    figures = {f.key: f.spec(arrays) for p in parts for f in (*p.figures, *p.folded)}
    payload: Json = {
        "arrays": [list(x) for x in arrays],
        "figures": figures,
        "facts": {c.key: msgspec.to_builtins(c.facts) for c in chapters},
        "rows": download_rows(report.chapters),
        "runs": download_runs(report.chapters),
    }
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    hashes = " ".join(f"'sha256-{_sha256(text)}'" for text in (script, plotly))
    runs = [run for chapter in report.chapters for run in chapter.runs]
    names = ", ".join(dict.fromkeys(chapter.name for chapter in report.chapters))
    markup = environment.filters["safe"]  # of our own files, and of numbers that escape themselves
    page: str = environment.get_template("page.html").render(
        title=": ".join(filter(None, ("Training throughput", names))),
        summary=_summary(runs, report),
        version=__version__,
        newest=max((run.began for run in runs), default=""),
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline';"
        " img-src data: blob:; base-uri 'none'; form-action 'none'",
        chapters=chapters,
        left_out=report.left_out,
        downloads=DOWNLOADS,
        payload=markup(_embedded(payload)),
        style=markup(style),
        script=markup(script),
        plotly=markup(plotly),
        licence=markup(licence),
    )
    return page


def _environment() -> "jinja2.Environment":
    try:
        import jinja2  # noqa: PLC0415 - 23 ms, optional: only a report needs it
    except ImportError as exc:
        raise UnavailableError("a report needs jinja2: pip install 'mrbench[report]'") from exc
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(payload: Mapping[str, object]) -> str:
    """Return JSON that no text in it can end: for a script element, `<` is all that matters."""
    text = json.dumps(payload, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _points(report: ReportContent) -> int:
    """Return how many points a line may have, so that all of them fit."""
    lines = sum(2 + len(run.activity.lines) for c in report.chapters for run in c.runs)
    return max(FEWEST, min(MOST, MOST_POINTS // max(1, lines)))


def _summary(runs: Sequence[ReportRun], report: ReportContent) -> str:
    if not runs:
        why = "for the reasons below." if report.left_out else "yet: mrbench results add RUN."
        return f"No runs {why}"
    out = sum(not run.counts for run in runs)
    unjudged = sum(not run.record.validity for run in runs)
    rows = [(chapter, row) for chapter in report.chapters for row in chapter.rows]
    earlier = len(runs) - sum(len(chapter.runs_of(row)) for chapter, row in rows)
    valid = "" if out or unjudged else "valid "
    text = counted(len(runs), f"{valid}run")
    text += f", {len(runs) - earlier} of them" if earlier else ""
    text += f" in {counted(len(rows), 'row')}"
    text += "; the others are earlier, of another plan or machine" if earlier else ""
    if out:
        text += f"; {out} {'is' if out == 1 else 'are'} not valid, for the reasons below"
    elif unjudged:
        text += f"; {unjudged} not judged, as suites had no rules when they were made"
    return f"{text}."


def _chapter(chapter: Chapter, key: str, most: int) -> PageChapter:
    suite, hardware = chapter.suite, chapter.hardware
    known = [(row, runs) for row in chapter.rows if (runs := chapter.runs_of(row))]
    newest = [runs[-1] for _, runs in known]
    names = [row.name for row, _ in known]
    shown = newest if hardware else chapter.runs  # a repository may have thousands
    labels = [f"{run.plan.implementation}, {run.label}" for run in shown]
    concerned = concerns(shown)
    parts, empty = _parts(chapter, key, most, concerned)
    ranked = ranking.ranked(chapter)
    used = _used(ranked, chapter.rows)
    return PageChapter(
        key=key,
        name=", ".join(filter(None, (chapter.name, hardware))),
        title=f"{chapter.name}: {suite.title}" + (f", on {hardware}" if hardware else ""),
        lead=lead(chapter.rows, one_model=suite.one_model),
        rate=rate_name(chapter.unit),
        about=f"{suite.model}. Measured: iterations {_windows(newest)}."
        f" Suite's hardware: {suite.hardware}.",
        parts=parts,
        empty=empty,
        used=[header(column, chapter.rows) for column in used.values()],
        meanings=[
            *meanings(["implementation", "throughput", "n", *used], ranked or chapter.rows),
            *of_rows(chapter.rows),
        ],
        ranked=[_row(chapter, row, used) for row in ranked],
        unranked=[_row(chapter, row, used) for row in chapter.rows if row.throughput is None],
        licences=footnotes.licences(chapter.rows),
        unequal=footnotes.unequal(suite.differences, [row.implementation for row in chapter.rows]),
        footnotes=footnotes.texts(chapter.rows),
        concerns=concerned,
        origins=[(row.name, _origin(runs, row.ledger)) for row, runs in known],
        facts=differences.coded(shown, labels),
        first=names[0] if names else "",
        from_first=[] if hardware else differences.from_first([runs for _, runs in known], names),
        of=chapter,
    )


def _windows(runs: Sequence[ReportRun]) -> str:
    """Return which iterations were measured, as `21 to 60`; rows are named by other windows."""
    windows = sorted({(run.plan.window.first, run.plan.window.last) for run in runs})
    return " or ".join(f"{first + 1} to {last}" for first, last in windows)


def _used(ranked: Sequence[TableRow], rows: Sequence[TableRow]) -> dict[str, Column]:
    """Return the columns of parameters that rows differ in, and on memory, energy and metrics.

    Of these the ones that the ranked rows say something in.
    """
    of_all = columns_of(rows).items()
    told = {n: c for n, c in of_all if c.default and c.keys[0].startswith(PARAMETERS)}
    return told | {
        name: column
        for name, column in columns_of(ranked).items()
        if column.keys[0].startswith(METRIC)
        or (column.keys[0].endswith(USED) and known(column, ranked))
    }


def _row(chapter: Chapter, row: TableRow, used: Mapping[str, Column]) -> PageRow:
    verdict: str = row.validity
    if row.failed_repeats:
        verdict += f", {row.failed_repeats} of {row.failed_repeats + row.repeats} runs left out"
    return PageRow(
        front=pareto.MARK if row.pareto else "",
        throughput=with_interval(row),
        used=[_dashed(column.cell(chapter.suite, row)) for column in used.values()],
        count=n_of_m(row),
        verdict="; ".join([verdict, *row.notes]),
        mark=MARKS.get(row.validity, "invalid"),
        of=row,
    )


def _origin(runs: Sequence[ReportRun], of_plan: PlanRuns | None) -> Mapping[str, str]:
    """Return what `mrbench show` tells of a row's newest run."""
    record = runs[-1].record
    others = f" and {len(runs) - 1} more" if runs[1:] else ""
    facts = {"id": record.id + others, **facts_of(record, runs[-1].called, of_plan=of_plan)}
    return {n: shorten("; ".join(text.splitlines()), LONGEST) for n, text in facts.items()}


def _dashed(cell: str) -> str:
    return "\u2013" if cell == "-" else cell


def _parts(
    chapter: Chapter, key: str, most: int, concerned: Sequence[Concern]
) -> tuple[list[Part], list[tuple[str, str]]]:
    """Return the parts of a chapter in their order, and title and reason of those left out."""
    bare = bool(chapter.hardware)  # nothing was read of the runs' files
    courses = [] if bare else course.figures(chapter, key, most)
    timed = [figure for figure in courses if figure.traces]
    untimed = [f"{each.title}: {'; '.join(each.missing)}" for each in courses if not each.traces]
    machines, earlier, dark = ([], [], []) if bare else _machines(chapter, key, most)
    ranks, splits, scales, joules = (
        [found] if (found := module.figure(chapter, f"{key}-{name}-figure")) else []
        for name, module in {
            "ranking": ranking, "split": split, "scaling": scaled, "energy": energy,
        }.items()
    )  # fmt: skip
    first = "Ranking" if chapter.suite.one_model else "Throughput of each"
    whose = "the newest run of each row" if bare else "every run"
    noted = [f"{whose} is valid without a note"] * (not concerned)
    parts = [
        Part("ranking", first, ranks, ["no run is valid"] * (not ranks)),
        Part("history", "History", history.figures(chapter, f"{key}-history")),
        Part("course", "Throughput over iterations", timed, untimed),
        Part(
            "split",
            "Data loading and the rest",
            splits,
            ["no log reports the wait for data"] * (not splits),
        ),
        Part("scaling", "Scaling", scales),
        Part("energy", "Energy", joules, ["no record has the energy of GPUs"] * (not joules)),
        Part("front", "What throughput takes", front.figures(chapter, f"{key}-front")),
        Part("during", "The machine during each run", machines, dark, earlier),
        Part("concerns", "Notes and what to do", (), noted),
        Part("origins", "Where the numbers come from"),
    ]
    always = {"ranking", "origins", *["history"] * bare, *["concerns"] * bool(concerned)}
    shown = [part for part in parts if part.figures or part.kind in always]
    kinds = {part.kind for part in shown}
    silent = [part for part in parts if part.missing and part.kind not in kinds]
    return shown, [(part.title, "; ".join(part.missing)) for part in silent]


def _machines(
    chapter: Chapter, key: str, most: int
) -> tuple[list[Figure], list[Figure], list[str]]:
    """Return the figures of the rows' newest runs, those of other runs, and why any are missing."""
    of_rows = [runs for row in chapter.rows if (runs := chapter.runs_of(row))]
    newest = {runs[-1].called: i for i, runs in enumerate(of_rows)}
    first: list[Figure] = []
    others: list[Figure] = []
    tops = during.tops(chapter.runs)
    silent: dict[str, int] = {}
    order = sorted(chapter.runs, key=lambda run: newest.get(run.called, len(newest)))
    for i, run in enumerate(order):
        name = f"{run.plan.implementation}, {run.label}"
        figure = during.figure(run, f"{key}-during-{i}", name, most, tops)
        if figure:
            (first if run.called in newest else others).append(figure)
        else:
            why = "; ".join(run.activity.problems) or "its telemetry is empty"
            silent[why] = silent.get(why, 0) + 1
    missing = [f"{counted(count, 'run')}: {why}" for why, count in silent.items()]
    return first or others, others if first else [], missing
