"""A published table by itself, as its source has it: `mrbench table --reference-only`."""

import msgspec

from mrbench.model.suite import Reference, Suite
from mrbench.model.work import rate_name
from mrbench.recipe import published
from mrbench.results import byrule
from mrbench.results.table.markup import grid
from mrbench.results.table.sheet import Sheet, about
from mrbench.text import one_line


def _headers(reference: Reference) -> tuple[str, str]:
    return "Implementation", reference.column or f"Throughput ({rate_name(reference.unit)})"


def sheet(suite: Suite, reference: Reference) -> Sheet:
    """Return the published numbers in the order of their source."""
    software = ", ".join(f"{name} {version}" for name, version in reference.software.items())
    origin = f"Published {reference.date} in {reference.source}"
    return Sheet(
        title=one_line(f"{suite.title}: as published, {reference.name}"),
        about=about(suite),
        headers=_headers(reference),
        right=(False, True),
        cells=[(one_line(n), f"{rate:.10g}") for n, rate in reference.throughput.items()],
        links=[("", "")] * len(reference.throughput),
        meanings=[
            one_line(f"{origin}, with {software}." if software else f"{origin}."),
            *_rule(reference),
        ],
        marks=[""] * len(reference.throughput),
    )


def _rule(reference: Reference) -> list[str]:
    """Return the sentence that says how a table's numbers were made."""
    if reference.rule is None:
        return []
    called = reference.rule
    rule = published.load(called) if isinstance(called, str) else called
    name = f" ({called})" if isinstance(called, str) else ""
    return [one_line(f"By its rule{name}: {byrule.in_words(rule)}.")]


def rst(reference: Reference) -> str:
    """Return the grid table with the source's own names, which are reStructuredText themselves.

    Below it stand the definitions that those names need, as the source has them.
    """
    body = [
        (reference.labels.get(name, name), f"{rate:.10g}")
        for name, rate in reference.throughput.items()
    ]
    table = grid([_headers(reference), *body], (False, False))
    return f"{table}\n\n{reference.definitions}" if reference.definitions else table


def rows(suite_name: str, reference: Reference) -> list[dict[str, object]]:
    """Return the same for CSV and JSON."""
    return [
        {
            "suite": suite_name,
            "implementation": name,
            "unit": reference.unit,
            "published_throughput": rate,
            "reference": reference.name,
            "date": reference.date,
            "source": reference.source,
            **({"column": reference.column} if reference.column else {}),
            **({"rule": msgspec.to_builtins(reference.rule)} if reference.rule else {}),
        }
        for name, rate in reference.throughput.items()
    ]
