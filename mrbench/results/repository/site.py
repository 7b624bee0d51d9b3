"""The page of a results repository, with the archives it links to, badges, and JSON."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import msgspec

from mrbench import __version__
from mrbench.errors import MrbenchError
from mrbench.files import real_path, write_whole
from mrbench.model.results import Leaderboard, Level, PublishedResults
from mrbench.model.work import rate_name
from mrbench.record.signature import beside
from mrbench.results.report import page
from mrbench.results.report.gather import LeftOut, ReportContent
from mrbench.results.repository.layout import RUNS, SIGNERS, entries
from mrbench.results.repository.leaderboard import chapters
from mrbench.results.repository.verified import all_verified
from mrbench.results.table.columns import with_interval
from mrbench.text import one_line

COLOURS: Mapping[Level, str] = {
    "self-reported": "#555d68", "recomputed": "#0072b2", "reproduced": "#00664b",
}  # fmt: skip
CHARACTER = 6.7  # px of a badge's font
BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img">
<title>{label}: {message}</title><rect width="{width}" height="20" rx="3" fill="#3a424d"/>
<rect x="{left}" width="{right}" height="20" rx="3" fill="{color}"/>
<g fill="#fff" font-family="ui-monospace,DejaVu Sans Mono,monospace" font-size="11">
<text x="6" y="14">{label}</text><text x="{start}" y="14">{message}</text></g></svg>
"""


def build(root: Path, out: Path) -> PublishedResults:
    """Write the page of a repository into a folder; return what is on it.

    MrbenchError where there is no archive, or the folder is the repository's.
    """
    found = entries(root)
    if not found:
        remedy = "`mrbench results add RUN` puts one there"
        raise MrbenchError("no archives here", remedy, file=root / RUNS)
    if real_path(out) in (real_path(root), *real_path(root).parents):
        raise MrbenchError("the repository lies there", "choose another with -o", file=out)
    verified = all_verified([entry.archive for entry in found], root / SIGNERS)
    paths = [entry.path for entry in found]
    shown, left = chapters(zip(paths, verified, strict=True))
    boards = [chapter.board for chapter in shown if chapter.board]
    content = PublishedResults(
        mrbench=__version__, leaderboards=tuple(boards), not_shown=tuple(left)
    )
    for path in (run.archive for board in boards for run in board.runs):
        for file in (root / path, *beside(root / path)):
            _copy(file, out / file.relative_to(root))
    for name, raw in _badges(boards):
        _write(out / "badge" / name, raw)
    _write(out / "results.json", msgspec.json.format(msgspec.json.encode(content), indent=1))
    report = ReportContent(
        chapters=shown, left_out=[LeftOut(each.archive, each.why, 0) for each in left]
    )
    _write(out / "index.html", page.build(report).encode())
    return content


def _copy(file: Path, to: Path) -> None:
    """Copy a file unless that was done before."""
    if file.is_file():
        now, then = file.stat(), to.stat() if to.exists() else None
        if then is None or (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, to)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)


def _badges(boards: Sequence[Leaderboard]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of a badge for each implementation of a suite, and shields.io's JSON.

    Of several rows with a number, one that is as its suite has it comes first, then the highest
    level, then the newest.
    """
    order = list(COLOURS)
    rows = [(board, each) for board in boards for each in board.rows if each.row.throughput]
    rows.sort(key=lambda p: (p[1].row.pinned, order.index(p[1].level), p[1].row.started))
    best = {"-".join(each.archives[-1].split("/")[1:4:2]): (board, each) for board, each in rows}
    for name, (board, each) in best.items():
        number = f"{with_interval(each.row)} {rate_name(board.unit)}, {each.level}"
        told = {"label": f"{each.row.name}, {board.hardware}", "message": number}
        told = {key: one_line(text) for key, text in told.items()} | {"color": COLOURS[each.level]}
        yield f"{name}.json", msgspec.json.encode({"schemaVersion": 1, **told})
        left, right = (12 + round(CHARACTER * len(told[key])) for key in ("label", "message"))
        sizes = {"left": left, "right": right, "start": left + 6, "width": left + right}
        safe = {key: escape(text) for key, text in told.items()}
        yield f"{name}.svg", BADGE.format(**safe, **sizes).encode()
