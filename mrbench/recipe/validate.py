"""What a recipe's types cannot refuse: what could move, escape or mislead."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import msgspec

from mrbench.errors import PlaceholderError
from mrbench.model.inputs import Environment, Source, as_source
from mrbench.model.logformat import LogFormat
from mrbench.model.recipe import Recipe
from mrbench.model.work import OLD_NAMES
from mrbench.model.workload import Workload
from mrbench.recipe.lockfile import normalized
from mrbench.recipe.yamlfile import MISSING, Place, parse_yaml
from mrbench.text import PLACEHOLDER, PLACEHOLDERS, did_you_mean, shorten, without_secrets

SCHEMES = ("https", "ssh", "file", "package")
_SSH_FORM = re.compile(r"[\w.-]+@[\w.-]+:.+")  # git@github.com:owner/name
CONVERTING = ("python", "checkout", "data", "converted")  # what steps of data.converted may name
LONGEST_PATTERN, LONGEST_PART = 1000, 255  # bytes: of paths that file systems take, and names


def validate(recipe: Recipe, place: Place) -> None:
    """Raise RecipeError, with file, line and key, for what is wrong."""
    _check_origin(recipe.source, place, "source")
    _check_environment(recipe.environment, place)
    _check_workload(recipe.workload, place)
    check_log(recipe.log, place)
    for pattern in recipe.log.keep:
        _check_keep(pattern, place)
    for key, text in _relative_paths(recipe):
        if PurePosixPath(text).is_absolute() or ".." in PurePosixPath(text).parts:
            raise place.error(
                key, f"{text!r} must stay inside its folder", "relative, without '..'"
            )
    for key, words in commands_of(recipe):
        if not words[0].strip():
            raise place.error(key, "its first word is empty", "name the program to start")
    for key, text in _templates(recipe):
        for name in PLACEHOLDER.findall(text):
            if OLD_NAMES.get(name, name) not in PLACEHOLDERS:
                what = f"unknown placeholder {{{name}}}"
                remedy = suggest(name, (*recipe.parameters, *PLACEHOLDERS))
                raise PlaceholderError(what, remedy, file=place.file, line=place.line(key), key=key)
    _check_converted(recipe, place)


def _check_converted(recipe: Recipe, place: Place) -> None:
    """Refuse placeholders that have no value where they stand: conversions serve many runs."""
    made = recipe.data.converted if recipe.data else None
    for key, text in _templates(recipe):
        names = PLACEHOLDER.findall(text)
        if key.startswith("data.converted."):
            for name in names:
                if name not in CONVERTING:
                    wrong = f"{{{name}}} is not known when data are converted, once for many runs"
                    known = ", ".join(f"{{{known}}}" for known in CONVERTING)
                    raise place.error(key, wrong, f"use {known}, or data.prepare")
        elif "converted" in names and made is None:
            wrong = "{converted}: the recipe has no data.converted"
            raise place.error(key, wrong, "add it, with the steps that make it")


def _check_origin(source: Source, place: Place, key: str) -> None:
    """Refuse what is neither a repository with its commit nor a package with its SHA-256."""
    if source.package is None and source.sha256 is None:
        _check_url(source.url, place, f"{key}.url")
        return
    both = [name for name in ("url", "commit") if getattr(source, name)]
    if both:
        text = f"stands beside {key}.{'package' if source.package else 'sha256'}"
        remedy = "give either `url` and `commit`, or `package` and `sha256`"
        raise place.error(f"{key}.{both[0]}", text, remedy)
    for name in ("package", "sha256"):
        if getattr(source, name) is None:
            raise place.error(f"{key}.{name}", MISSING, "add this key")


def _check_url(url: str, place: Place, key: str) -> None:
    scheme, _, rest = url.partition(":")
    if scheme not in SCHEMES:
        text = f"{url!r}: only {', '.join(SCHEMES)} URLs are used"
        raise place.error(key, text, _as_url(url, place) or "give one")
    user, at, _ = rest.removeprefix("//").partition("/")[0].rpartition("@")
    if at and (scheme == "https" or ":" in user):
        raise place.error(key, "holds a user or password", "keep secrets out of recipes")
    query = url[len(url.partition("?")[0]) :]
    if without_secrets(query) != query:
        raise place.error(key, "holds a token", "keep secrets out of recipes")


def _as_url(text: str, place: Place) -> str:
    """Return what to write for a path, a package or an address in ssh's form; else nothing."""
    if _SSH_FORM.fullmatch(text):  # not spelled out: messages hide the user in a URL
        return "put ssh:// before it, and / in place of the colon"
    if ":" in text or not text:
        return ""
    if "==" in text:
        return "for a package of an index, write package and sha256 in place of url and commit"
    folder = os.path.normpath(Path(place.file).absolute().parent / text)
    return f"for a repository on this machine, give file://{quote(folder)}"


def _check_environment(env: Environment, place: Place) -> None:
    for i, package in enumerate(env.packages):
        _check_origin(as_source(package), place, f"environment.packages[{i}]")
    if env.index is not None:
        _check_index(env.index, place, "environment.index")
    for i, url in enumerate(env.find_links):
        _check_index(url, place, f"environment.find_links[{i}]")
    _check_no_deps(env, place)
    if env.kind == "image" and not env.image:
        raise place.error("environment.image", "missing", "kind image needs one")


def _check_no_deps(env: Environment, place: Place) -> None:
    """Refuse names of packages that are no requirements: they would change nothing, unseen."""
    known = dict.fromkeys(map(normalized, (*env.requirements, *env.build_requirements)))
    for i, name in enumerate(() if isinstance(env.no_deps, bool) else env.no_deps):
        if normalized(name) not in known or normalized(name) != name.lower().replace("_", "-"):
            text = f"{name!r} is not the name of a requirement"
            key = f"environment.no_deps[{i}]"
            raise place.error(key, text, did_you_mean(name, known) or "add it to requirements")


def _check_index(url: str, place: Place, key: str) -> None:
    """Refuse what uv and pip would not take as one URL, and what would tell others a secret."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("https", "file") or not rest.strip("/") or re.search(r"[\s,$\"'`\\]", rest):
        raise place.error(key, f"{without_secrets(url)!r} is not an https or file URL", "give one")
    if without_secrets(url) != url:
        remedy = "keep secrets out of recipes; pip and uv take them from ~/.netrc"
        raise place.error(key, "holds a password or a token", remedy)


def _check_workload(work: Workload, place: Place) -> None:
    if work.unit == "steps" and work.per_device != 1:
        text = f"{work.per_device} steps in one iteration of one GPU"
        raise place.error("workload.per_device", text, "of unit steps it is 1")
    whole = work.accumulation if work.iteration == "step" else 1
    if work.total is not None and work.unit != "steps" and work.total % whole:
        text = f"{work.total} of {whole} batches, which does not divide"
        remedy = "it is that of a whole iteration, all its batches and GPUs together"
        raise place.error("workload.total", text, remedy)


def log_of(keys: Sequence[str], where: str) -> LogFormat:
    """Return the log section made of such lines as `timing: cumulative`. Raises RecipeError.

    where: what messages call them. A pattern needs no quotes, whatever YAML would make of it.
    """
    text = "\n".join(map(_quoted, keys))
    log, place = parse_yaml(LogFormat, text.encode(errors="replace"), where)
    check_log(log, place)
    return log


def _quoted(line: str) -> str:
    """Return `KEY: TEXT` of a pattern with quotes around it, for it may have `: `, ` #` or `[`."""
    key, _, text = line.partition(":")
    text = text.strip()
    whole = not text or "\n" in text or text[0] + text[-1] in ("''", '""')
    if whole or key.strip() not in ("pattern", "step_pattern"):
        return line
    doubled = text.replace("'", "''")
    return f"{key}: '{doubled}'"


def check_log(log: LogFormat, place: Place) -> None:
    """Refuse a log section that says nothing of how to parse it, or too much."""
    given = [name for name in ("format", "pattern", "columns") if getattr(log, name) is not None]
    if len(given) != 1:
        text = f"has {' and '.join(given)}" if given else "says nothing of how to parse the log"
        raise place.error("log", text, "give one of `format`, `pattern` and `columns`")
    if log.file is not None:
        _check_keep(log.file, place, "log.file")
    if log.pattern is None and log.step_pattern is not None:
        raise place.error("log.step_pattern", "has no `pattern` beside it", "add it")
    _check_counting(log, place)
    if log.pattern is not None:
        timed = _check_pattern(log, place)
        if timed and log.timing is None:
            raise place.error("log", "a `pattern` needs `timing` beside it", "add it")


def _check_counting(log: LogFormat, place: Place) -> None:
    """Refuse keys that would be passed over."""
    if log.counts_from not in (0, 1):
        text = f"{log.counts_from}: a log counts iterations from 0 or from 1"
        raise place.error("log.counts_from", text, "give one of them")
    if log.skipped and log.format is None and log.timing not in ("running_mean", "cumulative"):
        text = f"is for log.timing running_mean and cumulative, not {log.timing or 'no timing'}"
        raise place.error("log.skipped", text, "leave it out")


def _check_keep(pattern: str, place: Place, key: str = "log.keep") -> None:
    """Refuse what names no files: it would be found out when the training is over."""
    parts = PurePosixPath(pattern).parts
    if not parts or any(map(_names_nothing, parts)) or len(pattern.encode()) > LONGEST_PATTERN:
        text = f"{shorten(pattern)!r} names no files"
        raise place.error(key, text, "give a pattern below {output}, as results/*.json")


def _names_nothing(part: str) -> bool:
    return ("**" in part and part != "**") or "\0" in part or len(part.encode()) > LONGEST_PART


def _check_pattern(log: LogFormat, place: Place) -> bool:
    """Return whether a pattern has a value, which it need not where arrivals tell the seconds."""
    groups = _groups(log.pattern or "", place, "log.pattern")
    missing = {"iteration", "value"} - groups
    if log.step_pattern is not None:
        missing -= _groups(log.step_pattern, place, "log.step_pattern")
    if "epoch" in groups and ("per_epoch" in groups or log.every):
        missing.discard("iteration")
    if missing - ({"value"} if log.clock == "arrival" else set()):
        text = f"lacks the group {', '.join(sorted(missing))}"
        raise place.error("log.pattern", text, f"add it, as (?P<{min(missing)}>...)")
    return "value" not in missing


def _groups(pattern: str, place: Place, key: str) -> set[str]:
    try:
        return set(re.compile(pattern).groupindex)
    except (re.error, OverflowError, RecursionError) as exc:
        text = f"is not a valid regular expression: {exc}"
        raise place.error(key, text, "correct it") from exc


def _relative_paths(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield "launch.directory", recipe.launch.directory
    yield from patches_of(recipe)
    yield "environment.lock", recipe.environment.lock or "."
    yield "sample.log", recipe.sample.log if recipe.sample else "."
    for package in recipe.environment.packages:
        yield "environment.packages", package.folder
    for pattern in recipe.log.keep:
        yield "log.keep", pattern
    yield "log.file", recipe.log.file or "."
    if recipe.data:
        for link, target in recipe.data.links.items():
            yield f"data.links.{link}", link
            yield f"data.links.{link}", target
        for need in recipe.data.needs:
            yield "data.needs", need
        for name in recipe.data.converted.makes if recipe.data.converted else ():
            yield "data.converted.makes", name
    for item in recipe.weights:
        yield "weights", item.file
        yield "weights", item.link or "."


def commands_of(recipe: Recipe) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield key and words of each command."""
    yield "launch.command", recipe.launch.command
    if recipe.launch.multi_node:
        yield "launch.multi_node.command", recipe.launch.multi_node.command
    for i, step in enumerate(recipe.environment.build):
        yield f"environment.build[{i}]", step
    for i, step in enumerate(recipe.data.prepare if recipe.data else ()):
        yield f"data.prepare[{i}]", step
    made = recipe.data.converted if recipe.data else None
    for i, step in enumerate(made.steps if made else ()):
        yield f"data.converted.steps[{i}]", step


def _templates(recipe: Recipe) -> Iterator[tuple[str, str]]:
    for key, words in commands_of(recipe):
        for text in words:
            yield key, text
    for name, text in recipe.launch.variables.items():
        yield f"launch.variables.{name}", text
    for text in recipe.other_gpus.arguments:
        yield "other_gpus.arguments", text
    untrained = recipe.random_weights
    for text in untrained.arguments if untrained else ():
        yield "random_weights.arguments", text
    for name, text in untrained.variables.items() if untrained else ():
        yield f"random_weights.variables.{name}", text
    for key, text in msgspec.structs.asdict(recipe.workload).items():
        if isinstance(text, str):
            yield f"workload.{key}", text


def patches_of(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield key and name of each patch."""
    for i, name in enumerate(recipe.source.patches):
        yield f"source.patches[{i}]", name
    for i, name in enumerate(recipe.adaptation.patches if recipe.adaptation else ()):
        yield f"adaptation.patches[{i}]", name


def suggest(name: str, known: tuple[str, ...]) -> str:
    """Return what somebody may have meant by a name, and what there is."""
    return f"{did_you_mean(name, known)} known: {', '.join(known)}".lstrip()
