"""Writes the report down: one file with its style, its script, plotly.js and all numbers.

Names and texts of records are other people's. jinja2 escapes them in HTML; in the numbers for the
script every `<` is written as an escape, so that no text can end the element; and a content
security policy lets no other script run and nothing be fetched, should either fail.
"""

import base64
import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrbench import __version__
from mrbench.errors import UnavailableError
from mrbench.results import footnotes
from mrbench.results.report import differences, origins, raw
from mrbench.results.report.concerns import concerns
from mrbench.results.report.figures import course, during, energy, ranking, scaled, split
from mrbench.results.report.gather import Chapter, Found, Run

if TYPE_CHECKING:
    from mrbench.results.report.figures.base import Figure

Json = dict[str, Any]
HERE = Path(__file__).parent
MOST_POINTS = 100_000  # of all figures together: about 1.2 MB
FEWEST, MOST = 40, 2000  # points of one line
DOWNLOADS = ("rows.csv", "runs.csv", "series.csv", "report.json")
MARKS = {"valid": "valid", "valid with notes": "notes", "not judged": "judged"}


def build(found: Found) -> str:
    """Return the page. UnavailableError where plotly or jinja2 is missing."""
    plotly = _plotly()
    environment = _environment()
    most = _points(found)
    chapters = [_chapter(chapter, f"suite{i}", most) for i, chapter in enumerate(found.chapters)]
    figures = {f.key: f.spec() for c in chapters for part in c["parts"] for f in part["figures"]}
    payload = {
        "arrays": _shared(figures),
        "figures": figures,
        "facts": {c["key"]: c["facts"] for c in chapters},
        "rows": raw.rows(found.chapters),
        "runs": raw.runs(found.chapters),
    }
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    hashes = " ".join(f"'sha256-{_sha256(text)}'" for text in (script, plotly))
    runs = [run for chapter in found.chapters for run in chapter.runs]
    markup = environment.filters["safe"]  # of our own files, and of numbers that escape themselves
    page: str = environment.get_template("page.html").render(
        title="Training throughput: " + ", ".join(chapter.name for chapter in found.chapters),
        summary=_summary(runs, found.chapters),
        version=__version__,
        newest=max((run.began for run in runs if run.record.get("started")), default=""),
        policy=f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline';"
        " img-src data: blob:; base-uri 'none'; form-action 'none'",
        chapters=chapters,
        left_out=found.left_out,
        downloads=DOWNLOADS,
        payload=markup(_embedded(payload)),
        style=markup(style),
        script=markup(script),
        plotly=markup(plotly),
    )
    return page


def _environment() -> Any:  # noqa: ANN401 - of jinja2, which is imported here alone
    try:
        import jinja2  # noqa: PLC0415 - only a report needs it
    except ImportError as exc:
        raise _lacking("jinja2") from exc
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


def _plotly() -> str:
    """Return plotly.js, which plotly's wheel holds; nothing of plotly is imported."""
    spec = importlib.util.find_spec("plotly")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path.read_text(encoding="utf-8").replace("</script", "<\\/script")
    raise _lacking("plotly")


def _lacking(what: str) -> UnavailableError:
    return UnavailableError(f"a report needs {what}: pip install 'mrbench[report]'")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _embedded(payload: Json) -> str:
    """Return JSON that no text in it can end: for a script element, `<` is all that matters."""
    text = json.dumps(payload, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _shared(figures: dict[str, Json]) -> list[list[Any]]:
    """Write x of lines that share it once: a trace then has the number of its x."""
    known: dict[tuple[Any, ...], int] = {}
    for figure in figures.values():
        for trace in figure["traces"]:
            trace["x"] = known.setdefault(tuple(trace["x"]), len(known))
    return [list(x) for x in known]


def _points(found: Found) -> int:
    """Return how many points a line may have, so that all of them fit."""
    lines = sum(2 + len(run.machine.lines) for c in found.chapters for run in c.runs)
    return max(FEWEST, min(MOST, MOST_POINTS // max(1, lines)))


def _summary(runs: Sequence[Run], chapters: Sequence[Chapter]) -> str:
    out = sum(not run.counts for run in runs)
    rows = sum(len(chapter.rows) for chapter in chapters)
    told = f"{len(runs)} run{'s' * (len(runs) != 1)} in {rows} row{'s' * (rows != 1)}"
    if out:
        return f"{told}; {out} of them do{'es' * (out == 1)} not count, for reasons given below."
    unjudged = sum(not run.record.get("validity") for run in runs)
    if unjudged:
        return f"{told}; {unjudged} of them were made before suites had rules: not judged."
    return f"{told}; all of them count."


def _chapter(chapter: Chapter, key: str, most: int) -> Json:
    """Return all that the template shows of a suite."""
    suite = chapter.suite
    rows = ranking.ranked(chapter)
    known = [(row, runs) for row in chapter.rows if (runs := chapter.runs_of(row))]
    newest = [runs[-1] for _, runs in known]
    names = [ranking.name_of(row, chapter) for row, _ in known]
    labels = [f"{run.plan['implementation']}, {run.label}" for run in chapter.runs]
    return {
        "key": key,
        "name": chapter.name,
        "title": f"{chapter.name}: {suite.title}",
        "about": f"{suite.model}. Measured: iterations {suite.window.first + 1} to"
        f" {suite.window.last}. Stated hardware: {suite.hardware.count} x {suite.hardware.name}.",
        "parts": _parts(chapter, key, most),
        "ranked": [_row(row, chapter) for row in rows],
        "unranked": [_row(row, chapter) for row in ranking.left_out(chapter)],
        "footnotes": footnotes.texts(chapter.rows),
        "concerns": concerns(chapter),
        "origins": [
            {"name": name, "facts": origins.facts(run, len(runs) - 1)}
            for name, run, (_, runs) in zip(names, newest, known, strict=True)
        ],
        "facts": differences.coded(chapter.runs, labels),
        "first": names[0] if names else "",
        "from_first": differences.from_first(newest, names),
    }


def _row(row: Json, chapter: Chapter) -> Json:
    out = row["failed_repeats"]
    verdict = row["validity"]
    if out:
        verdict += f", {out} of {out + row['repeats']} runs left out"
    return {
        "name": ranking.name_of(row, chapter),
        "framework": row["framework"],
        "throughput": ranking.throughput(row),
        "count": row["repeats"],
        "verdict": "; ".join([verdict, *row["notes"]]),
        "mark": MARKS.get(row["validity"], "invalid"),
        "reason": row["reason"] or row["status"],
        "footnote": row["footnote_number"],
    }


def _parts(chapter: Chapter, key: str, most: int) -> list[Json]:
    """Return the parts of a chapter in their order, each with its figures."""
    silent: dict[str, int] = {}
    machines: list[Figure] = []
    for i, run in enumerate(chapter.runs):
        name = str(run.plan["implementation"])
        drawn = during.figure(run, f"{key}-during-{i}", f"{name}, {run.label}", most)
        if drawn:
            machines.append(drawn)
        else:
            why = "; ".join(map(str, run.machine.problems)) or "its telemetry is empty"
            silent[why] = silent.get(why, 0) + 1
    untold = [f"{why} ({count} run{'s' * (count != 1)})" for why, count in silent.items()]
    one: dict[str, Figure | None] = {
        name: module.figure(chapter, f"{key}-{name}-figure")
        for name, module in {
            "ranking": ranking, "split": split, "scaling": scaled, "energy": energy,
        }.items()
    }  # fmt: skip
    made: list[tuple[str, str, list[Figure | None], str]] = [
        ("ranking", "Ranking", [one["ranking"]], "No run has a number that counts."),
        ("course", "Throughput over iterations", [*course.figures(chapter, key, most)], ""),
        ("split", "Data loading and the rest", [one["split"]], ""),
        ("scaling", "Scaling", [one["scaling"]], ""),
        ("energy", "Energy", [one["energy"]], "No run tells of energy."),
        ("during", "The machine during each run", [*machines], "; ".join(untold)),
        ("concerns", "What to know, and what to do", [], ""),
        ("origins", "Where the numbers come from", [], ""),
    ]
    return [
        {
            "kind": kind,
            "key": f"{key}-{kind}",
            "title": title,
            "figures": [figure for figure in figures if figure],
            "about": about if kind == "during" or not any(figures) else "",
        }
        for kind, title, figures, about in made
        if any(figures) or kind not in ("split", "scaling")
    ]
