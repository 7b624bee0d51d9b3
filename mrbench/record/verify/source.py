"""What this mrbench and this machine have of a run's source: patches, lock, recipe, checkout."""

import hashlib
from collections.abc import Iterator

import msgspec

from mrbench.errors import MrbenchError
from mrbench.model.finding import Finding
from mrbench.model.inputs import Patches
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.prepare import environment
from mrbench.prepare import source as workspace
from mrbench.prepare.data import converted
from mrbench.prepare.environment import own
from mrbench.prepare.environment.installed import changes, words
from mrbench.recipe import load, lockfile
from mrbench.recipe.choices import CHOICES, with_choices
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import make_plan
from mrbench.record.verify.base import Evidence, differs
from mrbench.text import ABSENT, first_few, leaves, shorten

SUITE = ("window", "hardware", "model", "rules")
MOST = 8  # keys that a note names
SINCE = "changed since: the run remains what it was, this mrbench would run another"


def check_source(evidence: Evidence) -> Iterator[Finding]:
    """Compare the record with its own pins, then with the recipe and the checkout at hand."""
    record = evidence.record
    yield from check_pins(record)
    file = _at_hand(record.plan)
    if isinstance(file, RecipeFile):
        yield _suite(record, file)
        yield from _patches(record.plan, file)
        yield _lock(record.plan, file)
        yield from _recipe(evidence, file)
        yield _checkout(record, file.patches)
    else:
        yield file
        yield _checkout(record, ())
    yield from _requirements(record, file)
    yield from _environment(record, deep=evidence.deep)
    yield from _converted(record)


def check_pins(record: RunRecord) -> Iterator[Finding]:
    """Compare what was checked out with what the plan pins."""
    source, checkout = record.plan.source, record.workspace
    if checkout is None:
        yield Finding("tree", "note", "the run ended before there was a checkout")
        return
    if source.commit and checkout.commit != source.commit:
        meaning = "what ran is not the pinned commit"
        yield differs("commit", "workspace.commit", source.commit, checkout.commit, meaning)
    if source.tree is None:
        yield Finding("tree", "note", f"{checkout.tree}; the recipe pinned none")
    elif checkout.tree != source.tree:
        meaning = "what ran is not the pinned, patched source"
        yield differs("tree", "workspace.tree", source.tree, checkout.tree, meaning)
    else:
        yield Finding("tree", "ok", f"{source.tree}, as pinned")


def _at_hand(plan: Plan) -> RecipeFile | Finding:
    suite, name = plan.suite, plan.implementation
    try:
        carried = load.current_name(suite) in load.suite_names()
        if not carried or name not in load.implementations(suite):
            text = f"{suite}/{name} is not a recipe that mrbench carries: not compared"
            return Finding("recipe", "note", text)
        given = {name: str(parameter.value) for name, parameter in plan.parameters.items()}
        chosen = {name: given.pop(name) for name in CHOICES if name in given}
        return with_choices(load.load_named(suite, name, given=given), chosen)
    except MrbenchError as exc:
        return Finding("recipe", "note", f"{suite}/{name} cannot be read here: {exc}")


def _suite(record: RunRecord, file: RecipeFile) -> Finding:
    """Compare what decides on comparisons and on validity: window, hardware, model, rules."""
    unlike = [key for key in SUITE if getattr(record.suite, key) != getattr(file.suite, key)]
    if unlike:
        return Finding("suite", "note", f"{', '.join(unlike)} of suite.yaml differ", SINCE)
    return Finding("suite", "ok", "has the rules, window and hardware of the suite at hand")


def _patches(plan: Plan, file: RecipeFile) -> Iterator[Finding]:
    now = make_plan(file).patch_sha256
    for name, sha256 in plan.patch_sha256.items():
        yield _pinned("patch", f"{name}, sha256 {sha256[:16]}", sha256, now.get(name))


def _lock(plan: Plan, file: RecipeFile) -> Finding:
    recorded, now = plan.lock_sha256, make_plan(file).lock_sha256
    if recorded is None:
        return Finding("lock", "note", "the run's environment was not locked")
    return _pinned("lock", f"sha256 {recorded[:16]}", recorded, now)


def _pinned(topic: str, called: str, recorded: str, now: str | None) -> Finding:
    """Compare a file's digest with that of the one at hand; now: None where there is none."""
    if now is None:
        return Finding(topic, "note", f"{called}: not at hand")
    if now != recorded:
        return Finding(topic, "note", f"{called}, here {now[:16]}", SINCE)
    return Finding(topic, "ok", f"{called}, the one at hand")


def _recipe(evidence: Evidence, file: RecipeFile) -> Iterator[Finding]:
    """Compare the plan with the one that this mrbench makes, for the same command line."""
    plan = evidence.record.plan
    try:
        now = make_plan(
            file,
            gpus=plan.gpus,
            window=plan.window,
            commit=None if plan.pinned else plan.source.commit or None,
        )
    except MrbenchError as exc:
        yield Finding("recipe", "note", f"this mrbench can make no such plan: {exc}")
        return
    then_, now_ = dict(leaves(evidence.renamed["plan"])), dict(leaves(msgspec.to_builtins(now)))
    del then_["format"]  # of the file
    unlike = [key for key in then_ if key in now_ and then_[key] != now_[key]]
    unlike += [key for key in now_ if key not in then_ and now_[key] and "[" in key]
    ours, theirs = now.source.tree, plan.source.tree
    alike = not any(
        key.startswith(("source.", "patch_sha256")) and key != "source.tree" for key in unlike
    )
    if alike and None not in (ours, theirs) and ours != theirs:
        meaning = "the same commit and patches cannot give two trees: one of them was edited"
        yield differs("recipe", "plan.source.tree", theirs, ours, meaning)
    elif unlike:
        named = [
            f"{key}: {shorten(then_.get(key, ABSENT))}, now {shorten(now_[key])}" for key in unlike
        ]
        yield Finding("recipe", "note", first_few(named, MOST, "; ", "; and"), SINCE)
    else:
        yield Finding("recipe", "ok", "makes this very plan today")


def _requirements(record: RunRecord, file: RecipeFile | Finding) -> Iterator[Finding]:
    """Hold what was installed against the exact versions that the plan asks for."""
    env, ready = record.plan.environment, record.environment
    if record.plan.own_environment:
        yield from _own_environment(record, file)
    if env.kind != "venv" or ready is None or ready.image:
        return
    pairs = (line.partition("==") for line in ready.frozen)
    installed = {lockfile.normalized(name): version for name, _, version in pairs}
    for requirement in (*env.requirements, *env.build_requirements):
        pin = lockfile.PIN.match(requirement)
        found = installed.get(lockfile.normalized(requirement), "")
        if pin and found and not lockfile.meets(found, pin[2]):
            meaning = "what ran is not what the recipe asks for"
            yield differs("packages", "environment.frozen", requirement, found, meaning)


def _own_environment(record: RunRecord, file: RecipeFile | Finding) -> Iterator[Finding]:
    """Compute the difference from the lock again; the interpreter itself is not asked."""
    ready = record.environment
    recorded = ready.lock_difference if ready else None
    if ready is None or recorded is None:
        return
    lock = file.lock if isinstance(file, RecipeFile) else None
    if (hashlib.sha256(lock).hexdigest() if lock else None) != record.plan.lock_sha256:
        yield Finding(
            "packages", "note", f"compared with another lock than that at hand; {recorded}"
        )
        return
    again = own.difference(record.plan.environment, lock, ready.interpreter or "", ready.frozen)
    one, other = ((d.same, {*d.other}, {*d.missing}) for d in (recorded, again))
    if one != other:
        meaning = "what the record says of the packages does not follow from their list"
        key = "environment.lock_difference"
        yield differs("packages", key, str(recorded), str(again), meaning)
    else:
        yield Finding("packages", "ok", f"of the user's own, as recorded: {recorded}")


def _environment(record: RunRecord, *, deep: bool) -> Iterator[Finding]:
    """Compare the environment under MRBENCH_HOME, if it is there, with what was made."""
    if record.environment is None or record.environment.image or not record.environment.frozen:
        return
    place = environment.folder(record.environment.digest)
    if not (place / environment.DONE).exists():
        if deep:
            yield Finding("environment", "note", "not at hand: not in this machine's cache")
        return
    changed = changes(place, deep=deep)
    if changed:
        remedy = f"remove {place}; the next run makes it again"
        yield Finding("environment", "failed", words(changed), remedy)
        return
    how = "all of its files read" if deep else "by sizes and times of its files"
    yield Finding("environment", "ok", f"{place.name} in the cache is as it was made, {how}")


def _converted(record: RunRecord) -> Iterator[Finding]:
    """Compare the converted data under MRBENCH_HOME, if they are there, with what was made."""
    made = record.converted
    if made is None:
        return
    changed = converted.changed(made)
    if changed is None:
        yield Finding("converted", "note", "not at hand: not in this machine's cache")
    elif changed:
        remedy = f"remove {made.path.parent}; the next run makes it again"
        yield Finding("converted", "failed", f"{shorten(changed[0])} was changed", remedy)
    else:
        text = f"{made.digest[:16]} in the cache is as it was made, by sizes and times of its files"
        yield Finding("converted", "ok", text)


def _checkout(record: RunRecord, patches: Patches) -> Finding:
    """Hash the checkout under MRBENCH_HOME, if it is there."""
    recorded = record.workspace.tree if record.workspace else None
    at_hand = {name: hashlib.sha256(raw).hexdigest() for name, raw in patches}
    if recorded is None or at_hand != record.plan.patch_sha256:
        return Finding("checkout", "note", "not at hand: it needs the same patches")
    kept = workspace.lookup(record.plan.source, patches)
    if kept is None:
        return Finding("checkout", "note", "not at hand: not in this machine's cache")
    if kept.tree != recorded:
        meaning = "the same commit and patches cannot give two trees: one of them was edited"
        return differs("checkout", "workspace.tree", recorded, kept.tree, meaning)
    if not workspace.verify_tree(kept):
        meaning = f"somebody changed it; remove {kept.path}, the next run makes it again"
        return differs("checkout", "workspace.tree", recorded, "another tree in the cache", meaning)
    return Finding("checkout", "ok", f"{kept.path.name} in the cache, hashed now, has that tree")
