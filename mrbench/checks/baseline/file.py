"""A baseline's file: JSON made for git. One line per value, in an order that does not change."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec.structs import replace

from mrbench import files
from mrbench.errors import CheckFailed, MrbenchError, RecipeError
from mrbench.files import digest_of, read_regular, refusal, write_whole
from mrbench.measure.repeats import Sample, log_sample
from mrbench.model.baseline import FORMAT, MOST_FREEDOM, MOST_HISTORY, Baseline, BaselineEntry, Key
from mrbench.model.work import OLD_NAMES
from mrbench.recipe import yamlfile

OLDEST = 1
REMEDY = "restore it, or make one with `mrbench baseline save`"
LARGEST_BYTES = yamlfile.MAX_BYTES
ROUNDING = 1e-9  # relative, of sums in another order


class _Head(msgspec.Struct):
    format: int
    digest: str


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write it whole or not at all, with its own digest."""
    shared = _shared(baseline.entries)
    entries = [
        replace(e, provenance={k: text for k, text in e.provenance.items() if k not in shared})
        for e in baseline.entries
    ]
    whole = replace(baseline, provenance=shared, entries=tuple(entries))
    content: dict[str, object] = msgspec.to_builtins(whole)
    content["digest"] = digest_of(content)
    try:
        raw = f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError as exc:
        text = "names of runs are not valid Unicode"
        raise MrbenchError(text, "choose others with --impl", file=path) from exc
    if len(raw) > LARGEST_BYTES:
        text = f"larger than {LARGEST_BYTES >> 20} MiB"
        raise MrbenchError(text, "choose fewer with --impl", file=path)
    with refusal("written", path, "choose another file"):
        write_whole(path, raw)


def read_baseline(path: Path) -> tuple[Baseline, dict[Key, int]]:
    """Read a baseline; return it, each entry with its whole provenance, and the entries' lines.

    MrbenchError says what is wrong with the file and where, CheckFailed that it was edited.
    """
    raw = _bytes(path)
    try:
        content = json.loads(raw.decode(), parse_constant=_no_number)
    except UnicodeDecodeError as exc:
        raise MrbenchError("is not UTF-8 text", REMEDY, file=path) from exc
    except (ValueError, RecursionError) as exc:
        raise MrbenchError(f"is not JSON ({exc})", REMEDY, file=path) from exc
    head = files.convert(content, _Head, path, remedy=REMEDY)
    files.check_format(head.format, "baseline", range(OLDEST, FORMAT + 1), path)
    if digest_of(content) != head.digest:
        raise CheckFailed("was edited after it was saved", REMEDY, file=path)
    try:
        # keys of the older format are read as those of an older recipe are
        baseline, place = yamlfile.parse_yaml(Baseline, raw, str(path))
        for i, entry in enumerate(baseline.entries):
            for key, text in _contradictions(entry).items():
                raise place.error(f"entries[{i}].{key}", text)  # the first is enough
    except RecipeError as exc:
        remedy = exc.remedy or REMEDY
        raise MrbenchError(exc.text, remedy, file=exc.file, line=exc.line, key=exc.key) from exc
    if len({entry.key for entry in baseline.entries}) < len(baseline.entries):
        raise MrbenchError("has an implementation twice", REMEDY, file=path, key="entries")
    lines = {
        entry.key: place.lines.get(f"entries[{i}].implementation", 1)
        for i, entry in enumerate(baseline.entries)
    }
    entries = tuple(
        replace(e, provenance=_facts({**baseline.provenance, **e.provenance}))
        for e in baseline.entries
    )
    shared = _facts(baseline.provenance)
    return replace(baseline, format=FORMAT, provenance=shared, entries=entries), lines


def _bytes(path: Path) -> bytes:
    with refusal("read", path, "check the path, or make it with `mrbench baseline save`"):
        raw = read_regular(path, LARGEST_BYTES + 1)
    if len(raw) > LARGEST_BYTES:
        text = f"larger than {LARGEST_BYTES >> 20} MiB"
        raise MrbenchError(text, "this is not a baseline", file=path)
    return raw


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _contradictions(entry: BaselineEntry) -> dict[str, str]:
    """Return what in an entry contradicts the rest of it, by key."""
    rates, now = entry.throughput, entry.now
    wrong = {}
    if len(entry.half_widths) != len(rates):
        wrong["half_widths"] = f"{len(entry.half_widths)} widths of {len(rates)} repeats"
    if len(now.runs) != len(rates):
        wrong["now.runs"] = f"{len(now.runs)} runs of {len(rates)} repeats"
    if len(set(now.runs)) < len(now.runs):
        wrong["now.runs"] = "names a run twice"
    sample = log_sample(rates)
    wrong |= _wrong_noise(entry, sample)
    mean = math.exp(sample.mean)
    if not math.isclose(now.throughput, mean, rel_tol=ROUNDING):
        wrong["now.throughput"] = f"{now.throughput:.6g} is not the mean of its repeats, {mean:.6g}"
    if entry.anchor not in (now, *entry.history) and len(entry.history) < MOST_HISTORY:
        wrong["anchor"] = "is neither `now` nor in `history`"
    return wrong


def _wrong_noise(entry: BaselineEntry, sample: Sample) -> dict[str, str]:
    """Return what contradicts in the noise, which is that of the repeats and maybe earlier ones."""
    if (entry.noise is None) != (entry.noise_freedom == 0):
        return {"noise": "does not belong to this noise_freedom"}
    least = min(sample.freedom, MOST_FREEDOM)
    if entry.noise_freedom < least:
        return {"noise_freedom": f"{entry.noise_freedom} is less than its repeats give, {least}"}
    if entry.noise_freedom == sample.freedom < MOST_FREEDOM and entry.noise is not None:
        own = math.sqrt(sample.variance)
        if not math.isclose(entry.noise, own, rel_tol=ROUNDING, abs_tol=ROUNDING):
            return {"noise": f"{entry.noise:.6g} is not that of its repeats, {own:.6g}"}
    elif entry.noise_freedom < MOST_FREEDOM and entry.noise is not None:
        squares = entry.noise**2 * entry.noise_freedom
        if squares < sample.squares * (1 - ROUNDING) - ROUNDING**2:
            return {"noise": f"{entry.noise:.6g} is less than its repeats alone show"}
    return {}


def _facts(provenance: Mapping[str, str]) -> dict[str, str]:
    """Return facts, maybe of an older baseline, in order of the names that they have today."""
    facts = {
        ".".join(OLD_NAMES.get(name, name) for name in key.split(".")): text
        for key, text in provenance.items()
    }
    return dict(sorted(facts.items()))


def _shared(entries: tuple[BaselineEntry, ...]) -> dict[str, str]:
    """Return the facts that all entries have."""
    if not entries:
        return {}
    first, *others = (set(entry.provenance.items()) for entry in entries)
    return dict(sorted(first.intersection(*others)))
