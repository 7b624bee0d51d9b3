"""The page of a results repository, with the archives it links to, badges, and JSON."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import msgspec
from msgspec.structs import replace

from mrbench import __version__
from mrbench.errors import MrbenchError
from mrbench.files import real_path, write_whole
from mrbench.model.table import PublishedResults, TableRow
from mrbench.model.work import rate_name
from mrbench.record.rundir import describe
from mrbench.record.signature import beside
from mrbench.results.lead import with_lead
from mrbench.results.report import page
from mrbench.results.report.gather import LeftOut, ReportContent
from mrbench.results.repository.layout import RUNS, SIGNERS, walk
from mrbench.results.repository.leaderboard import chapters
from mrbench.results.repository.verified import all_verified
from mrbench.results.table.columns import with_interval
from mrbench.text import one_line

COLOURS: Mapping[object, str] = {
    "self-reported": "#555d68", "recomputed": "#0072b2", "reproduced": "#00664b",
}  # fmt: skip
CHARACTER = 6.7  # px of a badge's font
BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="20" role="img">
<title>{text}</title><rect width="{width:.0f}" height="20" rx="3" fill="{color}"/>
<text x="6" y="14" fill="#fff" font-family="DejaVu Sans Mono,monospace" font-size="11">{text}</text>
</svg>
"""


def build(root: Path, out: Path) -> PublishedResults:
    """Write the page of a repository into a folder; return what is on it.

    MrbenchError where there is no archive, or the folder is the repository's.
    """
    paths, _ = walk(root)
    if not paths:
        remedy = "`mrbench results add RUN` puts one there"
        raise MrbenchError("no archives here", remedy, file=root / RUNS)
    to = real_path(out / RUNS)
    if real_path(out) in real_path(root).parents or real_path(root / RUNS) in (to, *to.parents):
        raise MrbenchError("the repository lies there", "choose another with -o", file=out)
    verified = all_verified([root / path for path in paths], root / SIGNERS)
    shown, left = chapters(zip(paths, verified, strict=True))
    archives = {}
    for run in (run for chapter in shown for run in chapter.runs):
        for file in filter(Path.is_file, (root / run.called, *beside(root / run.called))):
            to = out / file.relative_to(root)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, to)
        archives[run.called] = describe(out / run.called).sha256
    rows = [
        replace(row, suite=chapter.name)
        for chapter in shown
        for row in with_lead(chapter.rows, one_model=chapter.suite.one_model)
    ]
    content = PublishedResults(
        mrbench=__version__, rows=tuple(rows), archives=archives, not_shown=left
    )
    report = ReportContent(
        chapters=shown, left_out=[LeftOut(name, why, 0) for name, why in left.items()]
    )
    written = {
        "index.html": page.build(report).encode(),
        "results.json": msgspec.json.format(msgspec.json.encode(content), indent=1),
        **dict(_badges(rows)),
    }
    for name, raw in written.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(out / name, raw)
    for name in left:  # an earlier build may have shown it
        badge = "badge/" + "-".join(name.split("/")[1:4:2])
        for old in {name, f"{badge}.json", f"{badge}.svg"} - written.keys():
            (out / old).unlink(missing_ok=True)
    return content


def _badges(rows: Sequence[TableRow]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of a badge for each implementation of a suite, and shields.io's JSON.

    Of several rows with a number, one of the recipe's own commit comes first, then the highest
    level, then one that is signed, then the newest.
    """
    order = list(COLOURS)
    known = [row for row in rows if row.throughput and row.level]
    known.sort(key=lambda r: (r.pinned, order.index(r.level), bool(r.signer), r.started))
    for name, row in {"-".join(row.folders[-1].split("/")[1:4:2]): row for row in known}.items():
        number = f"{with_interval(row)} {rate_name(row.unit)}, {row.level}"
        label, color = one_line(f"{row.name}, {row.gpus} x {row.hardware}"), COLOURS[row.level]
        endpoint = {"schemaVersion": 1, "label": label, "message": number, "color": color}
        yield f"badge/{name}.json", msgspec.json.encode(endpoint)
        text = f"{label}: {number}"
        width = 12 + CHARACTER * len(text)
        yield (
            f"badge/{name}.svg",
            BADGE.format(text=escape(text), color=color, width=width).encode(),
        )
