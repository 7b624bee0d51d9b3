"""How a baseline comes to be, and how it changes: nothing creeps in unseen."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from mrbench import __version__
from mrbench.checks.baseline.choice import ValidRuns
from mrbench.checks.baseline.likeness import forbidding
from mrbench.checks.baseline.verdict import Terms, alike, judge, stored_sample
from mrbench.checks.baseline.words import share, signed
from mrbench.model.baseline import (
    FORMAT,
    MOST_FREEDOM,
    MOST_HISTORY,
    Baseline,
    BaselineEntry,
    Key,
    Speed,
    series_name,
)
from mrbench.model.parameters import changed
from mrbench.model.work import rate_name
from mrbench.text import four_digits, shorten


class Change(NamedTuple):
    """What an update does to one series. refusals: why it may not be done without a reason."""

    name: str
    text: str
    refusals: Sequence[str]
    entry: BaselineEntry


def update(
    old: Baseline, groups: Mapping[Key, ValidRuns], terms: Terms, why: str = ""
) -> tuple[Baseline, list[Change]]:
    """Replace each series' speed by its latest runs; return the new baseline and what changes.

    Series without new runs stay as they are. A new baseline replaces one without entries.
    """
    entries = {entry.key: entry for entry in old.entries}
    changes = []
    for key, repeats in groups.items():
        known = entries.get(key)
        new = repeats.without(known.known_runs) if known else repeats
        if not new.records:
            continue
        name = series_name(key, {*entries, *groups})
        if known is None:
            entry = _entry(key, new)
            text = f"{name}: new, {four_digits(entry.now.throughput)} {rate_name(entry.unit)}"
            change = Change(name, text, (), entry)
        else:
            change = _changed(name, known, new, terms, why)
        entries[key] = change.entry
        changes.append(change)
    return baseline(old.suite, entries.values()), changes


def baseline(suite: str, entries: Iterable[BaselineEntry] = ()) -> Baseline:
    """Return the baseline of these entries."""
    ordered = tuple(sorted(entries, key=lambda entry: entry.key))
    return Baseline(format=FORMAT, suite=suite, mrbench=__version__, provenance={}, entries=ordered)


def _entry(key: Key, repeats: ValidRuns) -> BaselineEntry:
    sample = repeats.sample
    speed = Speed(
        saved=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        commit=repeats.commit,
        throughput=math.exp(sample.mean),
        runs=tuple(record.id for record in repeats.records),
    )
    return BaselineEntry(
        implementation=key[0],
        gpus=key[1],
        nodes=key[2],
        unit=repeats.unit,
        parameters=changed(repeats.records[-1].plan.parameters),
        now=speed,
        throughput=repeats.rates,
        half_widths=repeats.half_widths,
        noise=math.sqrt(sample.variance) if sample.freedom else None,
        noise_freedom=sample.freedom,
        rounding=repeats.rounding,
        anchor=speed,
        provenance=repeats.facts,
    )


def _changed(name: str, old: BaselineEntry, repeats: ValidRuns, terms: Terms, why: str) -> Change:
    fresh = _entry(old.key, repeats)
    forbid = forbidding(old.provenance, repeats.facts)
    if forbid:
        entry, refusals = fresh, [f"may not be compared: {forbid[0]}"]
    else:
        entry, refusals = _with_noise(old, fresh), [*_slower(old, fresh, terms)]
    if refusals:  # it is only taken with a reason, and begins anew
        now = replace(fresh.now, why=why)
        entry = replace(entry, now=now, anchor=now)
    elif not _faster(old, fresh, terms):
        entry = replace(entry, anchor=old.anchor)
    entry = replace(entry, history=(*old.history, old.now)[-MOST_HISTORY:])
    return Change(name, f"{name}: {_change_text(old, entry)}", refusals, entry)


def _slower(old: BaselineEntry, new: BaselineEntry, terms: Terms) -> Iterator[str]:
    """Yield why a new speed is too slow: by the test, or by what it adds up to since the anchor."""
    if judge(stored_sample(old), stored_sample(new), terms).verdict == "failed":
        before, after = old.now.throughput, new.now.throughput
        speeds = f"{four_digits(before)} -> {four_digits(after)} {rate_name(new.unit)}"
        yield f"{speeds}, slower than the baseline by more than {share(terms.margin)}"
    since = new.now.throughput / old.anchor.throughput - 1
    if since < -terms.margin:
        yield (
            f"it is {share(-since)} slower than on {old.anchor.saved[:10]}; step by step that is"
            f" more than {share(terms.margin)}"
        )


def _faster(old: BaselineEntry, new: BaselineEntry, terms: Terms) -> bool:
    """Tell whether the anchor moves up: faster than it by more than the margin, surely."""
    anchored = replace(stored_sample(old), mean=math.log(old.anchor.throughput))
    judgement = judge(anchored, stored_sample(new), replace(terms, two_sided=True))
    return judgement.verdict == "failed" and judgement.change > 0


def _with_noise(old: BaselineEntry, new: BaselineEntry) -> BaselineEntry:
    """Let a new speed keep what was known of the noise, unless its runs deny that."""
    before, after = stored_sample(old), stored_sample(new)
    freedom = before.freedom + after.freedom
    if not freedom or not alike(before, after):
        return new
    variance = (before.squares + after.squares) / freedom
    return replace(new, noise=math.sqrt(variance), noise_freedom=min(freedom, MOST_FREEDOM))


def _change_text(old: BaselineEntry, new: BaselineEntry) -> str:
    before, after = old.now.throughput, new.now.throughput
    since = after / old.anchor.throughput - 1
    text = f"{four_digits(before)} -> {four_digits(after)} {rate_name(new.unit)}"
    text += f" ({signed(after / before - 1)})"
    text += f", {signed(since)} since {old.anchor.saved[:10]}"
    if old.now.commit != new.now.commit:
        text += f"; commit {old.now.commit[:12]} -> {new.now.commit[:12]}"
    if old.noise and new.noise:
        text += f"; noise {share(old.noise)} -> {share(new.noise)}"
    if new.anchor is not old.anchor:
        text += "; changes count from here on"
    return shorten(text, 1000)
