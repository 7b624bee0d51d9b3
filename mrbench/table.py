"""The comparison table: rows in, text out, in any of five formats."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from functools import partial

from mrbench import footnotes
from mrbench.interval import Interval
from mrbench.rows import Row
from mrbench.suites import Suite

COLUMNS = {
    "implementation": "Implementation",
    "framework": "Framework",
    "throughput": "Throughput (img/s)",
    "n": "n",
    "spread": "Between runs",
    "scaling": "Scaling",
    "published": "Published",
    "ratio": "Ratio",
    "status": "Status",
}
# said below the table where a row has the key
MEANINGS = {
    "low_images_per_second": (
        "\u00b1: 95 % interval; of a single run (n = 1) by what varies within its window, of"
        " several by\nhow they differ. Between runs: their standard deviation."
    ),
    "scaling_efficiency": (
        "Scaling: images per second per device, as a share of those on the fewest devices of the"
        " same\nplan and machine."
    ),
}


def render(suite: Suite, rows: Sequence[Row], style: str) -> str:
    """Render rows in one of FORMATS; for people, footnotes follow."""
    text = FORMATS[style](suite, rows)
    if style in ("csv", "json"):
        return text
    shown = [
        meaning
        for key, meaning in MEANINGS.items()
        if style != "rst" and any(row[key] for row in rows)
    ]
    return "\n\n".join(part for part in (text, "\n".join(shown), footnotes.lines(rows)) if part)


def _cells(suite: Suite, row: Row) -> dict[str, str]:
    name = row["implementation"] + (f" [{row['footnote_number']}]" if row["footnote"] else "")
    if not row["pinned"]:
        name += f" @{row['commit'][:12]}"
    if row["window"] != str(suite.window):
        name += f" ({row['window']})"
    if row["gpus"] != suite.hardware.count or row["nodes"] > 1:
        name += f" ({row['gpus']} {'GPUs' if row['accelerator'] == 'gpu' else 'devices'}"
        name += f", {row['nodes']} nodes)" if row["nodes"] > 1 else ")"
    deviation = row["deviation_images_per_second"]
    published = row["published_images_per_second"]
    ratio = f"{row['ratio']:.2f}" if row["ratio"] else "-"
    if published and row["images_per_second"] and not row["ratio"]:
        ratio = "other hardware" if row["pinned"] else "other commit"
    return {
        "implementation": name,
        "framework": row["framework"],
        "throughput": _throughput(row),
        "n": str(row["repeats"] or "-"),
        "spread": f"{deviation / row['images_per_second']:.1%}" if deviation is not None else "-",
        "scaling": f"{row['scaling_efficiency']:.1%}" if row["scaling_efficiency"] else "-",
        "published": f"{published:g}" if published else "-",
        "ratio": ratio,
        "status": _status(row),
    }


def _throughput(row: Row) -> str:
    rate, low, high = (row[f"{n}images_per_second"] for n in ("", "low_", "high_"))
    if rate is None:
        return "-"
    if low is None:
        return f"{rate:.2f}"
    return str(Interval(images_per_second=rate, low=low, high=high))


def _status(row: Row) -> str:
    if row["validity"] == "invalid":
        return f"invalid: {row['reason']}"
    text = str(row["validity"]).removesuffix(" with notes")
    if row["notes"]:
        text += f", {len(row['notes'])} note{'s' if len(row['notes']) > 1 else ''}"
    if row["failed_repeats"]:
        text += f", {row['failed_repeats']} of {row['failed_repeats'] + row['repeats']} left out"
    return text


def _listed(suite: Suite, rows: Sequence[Row], *, style: str) -> str:
    from tabulate import tabulate  # noqa: PLC0415 - 40 ms that only this command pays

    left_out: tuple[str, ...] = () if suite.references else ("published", "ratio")
    if not any(row["scaling_efficiency"] for row in rows):
        left_out += ("scaling",)
    names = [n for n in COLUMNS if n not in left_out]
    cells = [[_cells(suite, row)[n] for n in names] for row in rows]
    right = [
        {"throughput": "right", "n": "right", "published": "right", "ratio": "right"}.get(n, "left")
        for n in names
    ]
    return tabulate(
        cells,
        headers=[COLUMNS[n] for n in names],
        tablefmt=style,
        disable_numparse=True,
        colalign=right if cells else None,
    )


def _rst(suite: Suite, rows: Sequence[Row]) -> str:
    """Render the published table's shape: a grid of implementation and throughput."""
    from tabulate import tabulate  # noqa: PLC0415 - see above

    body = [
        [
            f"{_cells(suite, row)['implementation']} ({row['framework']})",
            f"{row['images_per_second']:.2f}" if row["images_per_second"] else _status(row),
        ]
        for row in rows
    ]
    headers = [COLUMNS["implementation"], COLUMNS["throughput"]]
    return tabulate(body, headers=headers, tablefmt="grid", disable_numparse=True)


def _csv(_: Suite, rows: Sequence[Row]) -> str:
    out = io.StringIO()
    flat = ("notes", "runs", "stand_ins")
    names = [n for n in rows[0] if n not in flat] if rows else ["implementation"]
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def _json(_: Suite, rows: Sequence[Row]) -> str:
    return json.dumps(list(rows), indent=1)


FORMATS: dict[str, Callable[[Suite, Sequence[Row]], str]] = {
    "plain": partial(_listed, style="simple"),
    "rst": _rst,
    "markdown": partial(_listed, style="github"),
    "csv": _csv,
    "json": _json,
}
