"""A baseline's file: JSON made for git. One line per value, in an order that does not change."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, NoReturn

from mrbench.checks.baseline.baseline import FORMAT, Baseline, Entry, Key
from mrbench.errors import CheckFailed, MrbenchError, RecipeError
from mrbench.files import write_whole
from mrbench.recipe import yamlfile
from mrbench.record.rundir import digest_of
from mrbench.text import shown

REMEDY = "restore it, or make one with `mrbench baseline save`"
LARGEST = yamlfile.MAX_BYTES
MOST_FREEDOM = 10_000
MOST_NOISE = 1000.0  # of a logarithm; all floats differ by less


def write(path: Path, baseline: Baseline) -> None:
    """Write it whole or not at all, with its own digest."""
    common = _common(baseline.entries)
    content = dataclasses.asdict(baseline) | {"provenance": common}
    for entry in content["entries"]:
        own = entry["provenance"].items()
        entry["provenance"] = {key: text for key, text in own if key not in common}
    content["digest"] = digest_of(content)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if len(text.encode()) > LARGEST:
        raise MrbenchError(
            f"larger than {LARGEST >> 20} MiB", "choose fewer with --impl", file=path
        )
    try:
        write_whole(path, text.encode())
    except OSError as exc:
        raise MrbenchError(
            f"cannot be written ({exc.strerror})", "choose another file", file=path
        ) from exc


def read(path: Path) -> tuple[Baseline, dict[Key, int]]:
    """Read a baseline; return it and the line of each entry.

    MrbenchError says in one line what is wrong with the file, CheckFailed that it was edited.
    """
    text = _text(path)
    try:
        content = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise MrbenchError(f"is no JSON ({exc})", REMEDY, file=path) from exc
    if not isinstance(content, dict) or not {"format", "entries", "digest"} <= content.keys():
        raise MrbenchError("is no baseline of mrbench", REMEDY, file=path)
    if content["format"] != FORMAT:
        found = shown(content["format"], 40)
        raise MrbenchError(
            f"has format {found}, this mrbench reads {FORMAT}",
            "use the mrbench that wrote it, or make a new one with `mrbench baseline save`",
            file=path,
        )
    if digest_of(content) != content["digest"]:
        raise CheckFailed("was edited after it was saved", REMEDY, file=path)
    try:
        baseline, place = yamlfile.parse(Baseline, text.encode(), str(path))
    except RecipeError as exc:
        raise MrbenchError(str(exc), REMEDY) from exc
    for i, entry in enumerate(baseline.entries):
        wrong = _wrong(entry)
        if wrong:
            raise MrbenchError(str(place.error(f"entries[{i}]", wrong)), REMEDY)
    if len({entry.key for entry in baseline.entries}) < len(baseline.entries):
        raise MrbenchError("has an implementation twice", REMEDY, file=path)
    lines = {
        entry.key: place.lines.get(f"entries[{i}].implementation", 1)
        for i, entry in enumerate(baseline.entries)
    }
    whole = tuple(_with(entry, baseline) for entry in baseline.entries)
    return dataclasses.replace(baseline, entries=whole), lines


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as exc:
        raise MrbenchError(
            f"cannot be read ({exc.strerror})",
            "check the path, or make it with `mrbench baseline save`",
            file=path,
        ) from exc
    if len(raw) > LARGEST:
        raise MrbenchError(f"larger than {LARGEST >> 20} MiB", "this is no baseline", file=path)
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise MrbenchError("is not UTF-8 text", REMEDY, file=path) from exc


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _wrong(entry: Entry) -> str:
    """Return what in an entry cannot be, or an empty text."""
    values = (entry.now, entry.anchor, *entry.history)
    rates = (*entry.images_per_second, *(value.images_per_second for value in values))
    noise = entry.noise or 0.0
    if not entry.images_per_second or not all(0 < rate < math.inf for rate in rates):
        return "images per second must be above zero, and there must be some"
    if not 0 <= noise <= MOST_NOISE or not 0 <= entry.noise_freedom <= MOST_FREEDOM:
        return "this cannot be the noise of runs"
    if (entry.noise is None) != (entry.noise_freedom == 0):
        return "noise and noise_freedom do not belong together"
    if not 0 <= entry.rounding < 1:
        return "rounding must be a share"
    return ""


def _with(entry: Entry, baseline: Baseline) -> Entry:
    whole = {**baseline.provenance, **entry.provenance}
    return dataclasses.replace(entry, provenance=dict(sorted(whole.items())))


def _common(entries: tuple[Entry, ...]) -> dict[str, Any]:
    """Return the facts that all entries have."""
    if not entries:
        return {}
    first, *others = (set(entry.provenance.items()) for entry in entries)
    return dict(sorted(first.intersection(*others)))
