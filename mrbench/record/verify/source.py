"""What this mrbench and this machine have of a run's source: patches, lock, recipe, checkout."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mrbench import jsonfile
from mrbench.errors import MrbenchError
from mrbench.model.finding import Finding
from mrbench.model.recipe import Source, Window
from mrbench.prepare import source as workspace
from mrbench.recipe import load
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import make_plan
from mrbench.record.archive import Opened
from mrbench.record.verify.base import Record, differs
from mrbench.text import ABSENT, flat, shown

SUITE = ("window", "hardware", "model", "rules")
MOST = 8  # keys that a note names
SINCE = "changed since: the run remains what it was, this mrbench would run another"


def check_source(run: Opened, record: Record) -> Iterator[Finding]:  # noqa: ARG001 - as all checks
    """Compare the record with its own pins, then with the recipe and the checkout at hand."""
    plan = record["plan"]
    yield from _pins(plan, record.get("workspace"))
    file = _at_hand(plan)
    if isinstance(file, RecipeFile):
        yield _suite(record, file)
        yield from _patches(plan, file)
        yield _lock(plan, file)
        yield from _recipe(plan, file)
        yield _checkout(plan, file.patches, record)
    else:
        yield file
        yield _checkout(plan, (), record)


def _pins(plan: Mapping[str, Any], made: Mapping[str, Any] | None) -> Iterator[Finding]:
    if made is None:
        yield Finding("tree", "note", "the run ended before there was a checkout")
        return
    pinned = plan["source"].get("tree")
    commit = plan["source"]["commit"]
    if made.get("commit") != commit:
        meaning = "what ran is not the pinned commit"
        yield differs("commit", "workspace.commit", commit, made.get("commit"), meaning)
    if pinned is None:
        yield Finding("tree", "note", f"{made.get('tree')}; the recipe pinned none")
    elif made.get("tree") != pinned:
        meaning = "what ran is not the pinned, patched source"
        yield differs("tree", "workspace.tree", pinned, made.get("tree"), meaning)
    else:
        yield Finding("tree", "ok", f"{pinned}, as pinned")


def _at_hand(plan: Mapping[str, Any]) -> RecipeFile | Finding:
    suite, name = plan["suite"], plan["implementation"]
    try:
        if suite not in load.suite_names() or name not in load.implementations(suite):
            text = f"{suite}/{name} is not at hand: no recipe of this mrbench"
            return Finding("recipe", "note", text)
        return load.load_named(suite, name)
    except MrbenchError as exc:
        return Finding("recipe", "note", f"{suite}/{name} cannot be read here: {exc}")


def _suite(record: Record, file: RecipeFile) -> Finding:
    """Compare what decides on comparisons and on validity: window, hardware, model, rules."""
    now = {key: getattr(file.suite, key) for key in SUITE}
    then_ = {key: (record.get("suite") or {}).get(key) for key in SUITE}
    plain = json.loads(json.dumps(now, default=msgspec.to_builtins))
    unlike = [key for key in SUITE if then_[key] != plain[key] and (then_[key] or plain[key])]
    if unlike:
        return Finding("suite", "note", f"{', '.join(unlike)} of suite.yaml differ", SINCE)
    return Finding("suite", "ok", "has the rules, window and hardware of the suite at hand")


def _patches(plan: Mapping[str, Any], file: RecipeFile) -> Iterator[Finding]:
    now = make_plan(file).patch_sha256
    for name, sha256 in plan["patch_sha256"].items():
        if name not in now:
            yield Finding("patch", "note", f"{name}, sha256 {shown(sha256)[:16]}: not at hand")
        elif now[name] != sha256:
            yield Finding(
                "patch", "note", f"{name}, sha256 {sha256[:16]}, here {now[name][:16]}", SINCE
            )
        else:
            yield Finding("patch", "ok", f"{name}, sha256 {sha256[:16]}, the one at hand")


def _lock(plan: Mapping[str, Any], file: RecipeFile) -> Finding:
    recorded, now = plan.get("lock_sha256"), make_plan(file).lock_sha256
    if recorded is None:
        return Finding("lock", "note", "the run's environment was not locked")
    if now is None:
        return Finding("lock", "note", f"sha256 {recorded[:16]}: not at hand")
    if now != recorded:
        return Finding("lock", "note", f"sha256 {recorded[:16]}, here {now[:16]}", SINCE)
    return Finding("lock", "ok", f"sha256 {recorded[:16]}, the one at hand")


def _recipe(plan: Mapping[str, Any], file: RecipeFile) -> Iterator[Finding]:
    """Compare the plan with the one that this mrbench makes, for the same command line."""
    window = plan["window"]
    try:
        now = make_plan(
            file,
            gpus=plan.get("gpus"),
            window=Window(first=window["first"], last=window["last"]),
            commit=None if plan.get("pinned") else plan["source"]["commit"],
        )
    except (MrbenchError, KeyError, TypeError, ValueError) as exc:
        yield Finding("recipe", "note", f"this mrbench can make no such plan: {exc}")
        return
    then_, now_ = dict(flat(dict(plan))), dict(flat(msgspec.to_builtins(now)))
    unlike = [key for key in then_ if key in now_ and then_[key] != now_[key]]
    unlike += [key for key in now_ if key not in then_ and now_[key] and "[" in key]
    ours, theirs = now.source, plan["source"]
    alike = not any(
        key.startswith(("source.", "patch_sha256")) and key != "source.tree" for key in unlike
    )
    if alike and None not in (ours.tree, theirs.get("tree")) and ours.tree != theirs["tree"]:
        meaning = "the same commit and patches cannot give two trees: one of them was edited"
        yield differs("recipe", "plan.source.tree", theirs["tree"], ours.tree, meaning)
    elif unlike:
        named = "; ".join(
            f"{key}: {shown(then_.get(key, ABSENT))}, now {shown(now_[key])}"
            for key in unlike[:MOST]
        )
        more = f"; and {len(unlike) - MOST} more" if len(unlike) > MOST else ""
        yield Finding("recipe", "note", f"{named}{more}", SINCE)
    else:
        yield Finding("recipe", "ok", "makes this very plan today")


def _checkout(
    plan: Mapping[str, Any], patches: tuple[tuple[str, bytes], ...], record: Record
) -> Finding:
    """Hash the checkout under MRBENCH_HOME, if it is there."""
    recorded = (record.get("workspace") or {}).get("tree")
    at_hand = {name: hashlib.sha256(raw).hexdigest() for name, raw in patches}
    if recorded is None or at_hand != plan["patch_sha256"]:
        return Finding("checkout", "note", "not at hand: it needs the same patches")
    try:
        source = jsonfile.convert(plan["source"], Source, "plan.source")
    except MrbenchError as exc:
        return Finding("checkout", "failed", str(exc), "plan.source was edited", key="plan.source")
    kept = workspace.lookup(source, tuple(raw for _, raw in patches))
    if kept is None:
        return Finding("checkout", "note", "not at hand: not in this machine's cache")
    if kept.tree != recorded:
        meaning = "the same commit and patches cannot give two trees: one of them was edited"
        return differs("checkout", "workspace.tree", recorded, kept.tree, meaning)
    if not workspace.verify_tree(kept):
        meaning = f"somebody changed it; remove {kept.path}, the next run makes it again"
        return differs("checkout", "workspace.tree", recorded, "another tree in the cache", meaning)
    return Finding("checkout", "ok", f"{kept.path.name} in the cache, hashed now, has that tree")
