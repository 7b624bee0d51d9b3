"""A published table by itself, as its source has it: `mrbench table --reference-only`."""

from collections.abc import Sequence

from mrbench.suites import Reference, Suite
from mrbench.table.escape import clean
from mrbench.table.sheet import Sheet

HEADERS = ("Implementation", "Throughput (img/s)")


def sheet(suite: Suite, reference: Reference) -> Sheet:
    """Return the published numbers in the order of their source."""
    software = ", ".join(f"{name} {version}" for name, version in reference.software.items())
    told = f"Published {reference.date} in {reference.source}"
    return Sheet(
        title=clean(f"{suite.title}: as published, {reference.name}"),
        headers=HEADERS,
        right=(False, True),
        cells=[(clean(n), f"{rate:g}") for n, rate in reference.images_per_second.items()],
        links=[("", "")] * len(reference.images_per_second),
        meanings=[clean(f"{told}, with {software}." if software else f"{told}.")],
        marks=[""] * len(reference.images_per_second),
    )


def rst(reference: Reference) -> str:
    """Return the grid table with the source's own names, which are reStructuredText themselves.

    Below it stand the definitions that those names need, as the source has them.
    """
    body = [
        (reference.labels.get(name, name), f"{rate:g}")
        for name, rate in reference.images_per_second.items()
    ]
    grid = _grid([HEADERS, *body])
    return f"{grid}\n\n{reference.definitions}" if reference.definitions else grid


def _grid(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of them headers, in cells that are as wide as the widest.

    tabulate makes columns two wider than their headers; the source does not.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for i, row in enumerate(rows):
        lines.append("+".join(["", *(("=" if i == 1 else "-") * (w + 2) for w in widths), ""]))
        cells = (f" {cell.ljust(width)} " for cell, width in zip(row, widths, strict=True))
        lines.append("|".join(["", *cells, ""]))
    return "\n".join([*lines, lines[0]])


def rows(suite_name: str, reference: Reference) -> list[dict[str, object]]:
    """Return the same for CSV and JSON."""
    return [
        {
            "suite": suite_name,
            "implementation": name,
            "published_images_per_second": rate,
            "reference": reference.name,
            "date": reference.date,
            "source": reference.source,
        }
        for name, rate in reference.images_per_second.items()
    ]
