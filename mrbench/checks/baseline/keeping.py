"""How a baseline comes to be, and how it changes: nothing creeps in unseen."""

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mrbench import __version__
from mrbench.checks.baseline.baseline import FORMAT, Baseline, Entry, Key, Value, called
from mrbench.checks.baseline.choice import Repeats
from mrbench.checks.baseline.likeness import forbidding
from mrbench.checks.baseline.verdict import Terms, judge, unlike
from mrbench.checks.baseline.words import share, signed
from mrbench.text import shown

# Noise of long ago counts less and less: machines and trainings change.
MOST_FREEDOM = 30
MOST_HISTORY = 100


class Change(NamedTuple):
    """What an update does to one series. refusals: why it may not be done without a reason."""

    name: str
    text: str
    refusals: tuple[str, ...]
    entry: Entry


def save(suite: str, groups: Mapping[Key, Repeats]) -> Baseline:
    """Make a baseline of all series that have a valid run."""
    entries = [_entry(key, repeats) for key, repeats in groups.items() if repeats.records]
    return _baseline(suite, entries)


def update(
    old: Baseline, groups: Mapping[Key, Repeats], terms: Terms, why: str = ""
) -> tuple[Baseline, list[Change]]:
    """Replace each series' value by its latest runs; return the new baseline and what changes.

    Series without new runs stay as they are.
    """
    entries = {entry.key: entry for entry in old.entries}
    changes = []
    for key, repeats in groups.items():
        known = entries.get(key)
        new = repeats.without(known.known_runs) if known else repeats
        if not new.records:
            continue
        name = called(key, {*entries, *groups})
        if known is None:
            entry = _entry(key, new)
            text = f"{name}: new, {entry.now.images_per_second:.4g} img/s"
            change = Change(name, text, (), entry)
        else:
            change = _changed(name, known, new, terms, why)
        entries[key] = change.entry
        changes.append(change)
    return _baseline(old.suite, list(entries.values())), changes


def _baseline(suite: str, entries: list[Entry]) -> Baseline:
    ordered = tuple(sorted(entries, key=lambda entry: entry.key))
    return Baseline(format=FORMAT, suite=suite, mrbench=__version__, provenance={}, entries=ordered)


def _entry(key: Key, repeats: Repeats) -> Entry:
    sample = repeats.sample
    value = Value(
        saved=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        commit=repeats.commit,
        images_per_second=math.exp(sample.mean),
        runs=tuple(str(record["id"]) for record in repeats.records),
    )
    return Entry(
        implementation=key[0],
        gpus=key[1],
        nodes=key[2],
        now=value,
        images_per_second=repeats.rates,
        half_widths=repeats.half_widths,
        noise=math.sqrt(sample.variance) if sample.freedom else None,
        noise_freedom=sample.freedom,
        rounding=repeats.rounding,
        anchor=value,
        provenance=repeats.facts,
    )


def _changed(name: str, old: Entry, repeats: Repeats, terms: Terms, why: str) -> Change:
    fresh = _entry(old.key, repeats)
    forbid = forbidding(old.provenance, repeats.facts)
    refusals: tuple[str, ...]
    if forbid:
        refusals, entry = (f"may not be compared: {forbid[0]}",), fresh
    else:
        refusals, entry = tuple(_slower(old, fresh, terms)), _with_noise(old, fresh)
    if refusals:  # it is only taken with a reason, and begins anew
        now = dataclasses.replace(fresh.now, why=why)
        entry = dataclasses.replace(entry, now=now, anchor=now)
    elif not _faster(old, fresh, terms):
        entry = dataclasses.replace(entry, anchor=old.anchor)
    history = (*old.history, old.now)[-MOST_HISTORY:]
    entry = dataclasses.replace(entry, history=history)
    return Change(name, f"{name}: {_told(old, entry)}", refusals, entry)


def _slower(old: Entry, new: Entry, terms: Terms) -> Iterator[str]:
    """Yield why a new value is too slow: by the test, or by what it adds up to since the anchor."""
    if judge(old.sample, new.sample, terms).verdict == "fail":
        before, after = old.now.images_per_second, new.now.images_per_second
        speeds = f"{before:.4g} -> {after:.4g} img/s"
        yield f"{speeds}, slower than the baseline by more than {share(terms.margin)}"
    since = new.now.images_per_second / old.anchor.images_per_second - 1
    if since < -terms.margin:
        yield (
            f"it is {share(-since)} slower than on {old.anchor.saved[:10]}; step by step that is"
            f" more than {share(terms.margin)}"
        )


def _faster(old: Entry, new: Entry, terms: Terms) -> bool:
    """Tell whether the anchor moves up: faster than it by more than the margin, surely."""
    anchored = dataclasses.replace(old.sample, mean=math.log(old.anchor.images_per_second))
    found = judge(anchored, new.sample, dataclasses.replace(terms, two_sided=True))
    return found.verdict == "fail" and found.change > 0


def _with_noise(old: Entry, new: Entry) -> Entry:
    """Let a new value keep what was known of the noise, unless its runs deny that."""
    if unlike(old.sample, new.sample):
        return new
    freedom = old.noise_freedom + new.noise_freedom
    if not freedom:
        return new
    variance = (old.sample.squares + new.sample.squares) / freedom
    return dataclasses.replace(
        new, noise=math.sqrt(variance), noise_freedom=min(freedom, MOST_FREEDOM)
    )


def _told(old: Entry, new: Entry) -> str:
    before, after = old.now.images_per_second, new.now.images_per_second
    since = after / old.anchor.images_per_second - 1
    text = f"{before:.4g} -> {after:.4g} img/s ({signed(after / before - 1)})"
    text += f", {signed(since)} since {old.anchor.saved[:10]}"
    if old.now.commit != new.now.commit:
        text += f"; commit {old.now.commit[:12]} -> {new.now.commit[:12]}"
    if old.noise and new.noise:
        text += f"; noise {share(old.noise)} -> {share(new.noise)}"
    if new.anchor is not old.anchor:
        text += "; changes count from here on"
    return shown(text, 1000)
