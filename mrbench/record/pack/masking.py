"""Hides secrets, host names and user names in texts, by stars of the same number of bytes."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord
from mrbench.text import is_secret

SECRET, HOST, USER = "secret", "host name", "user name"
LEAST_NAME, LEAST_SECRET = 3, 6  # characters; what is shorter stands in texts by chance
# Names of hosts or users that are words of a log, or tell nothing of anybody.
WORDS = """
accuracy adam admin backbone backward batch bbox bench box checkpoint class coco config cpu
cuda data debian debug device docker epoch error eta eval forward gpu grad host image images
info init input iter iteration iterations layer learning local localhost log loss machine
main mask master max mem memory min model momentum mrbench nobody node none num optimizer
output path process python rank rate root rpn sec seconds server sgd speed step steps sum
test time torch total train trainer training user ubuntu val warning weight weights worker
workers world
""".split()  # noqa: SIM905 - a list of words reads best as a text
# Each begins where the run of its characters does: long lines take no longer than many short ones.
SHAPES = (
    rb"\bgh[opusr]_[A-Za-z0-9]{16,}",
    rb"\bgithub_pat_[A-Za-z0-9_]{16,}",
    rb"(?<![A-Za-z0-9_-])glpat-[A-Za-z0-9_-]{16,}",
    rb"\bhf_[A-Za-z0-9]{16,}",
    rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    rb"\bAIza[A-Za-z0-9_-]{30,}",
    rb"(?<![A-Za-z0-9_-])xox[abeoprs]-[A-Za-z0-9-]{8,}",
    rb"(?<![A-Za-z0-9_-])(?:sk|rk|pk)-[A-Za-z0-9_-]{20,}",
    rb"(?<![A-Za-z0-9_-])(?:npm|pypi|dckr)[_-][A-Za-z0-9_-]{20,}",
    rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
    rb"(?i:\bbearer) +(?P<it>[A-Za-z0-9._~+/=-]{8,})",
    rb"(?i:\bhttps?)://(?P<it>[^/\s@\"']+)@",
    rb"://(?P<it>[^/\s@\"':]*:[^/\s@\"']+)@",
)
VALUE = rb"""["']?[ \t]{0,3}[=:][ \t]{0,3}["']?(?P<it>[^\s"',;&<>(){}\[\]]+)"""
ASSIGNED = re.compile(rb"\b(?P<name>[A-Z][A-Z0-9_]{2,})" + VALUE)
LOWER = re.compile(
    rb"(?i)(?<![a-z])(?:password|passwd|secret|api[_-]?key|"
    rb"(?:access|api|auth|hub|hf|secret)[_-](?:token|key))" + VALUE
)
OPTION = re.compile(
    rb"(?<![^\s\"'=])--[A-Za-z-]*(?:token|secret|passw(?:or)?d|api-?key)"
    rb"(?:=|[ \t]+)(?P<it>[^\s\"']+)"
)
HOMES = re.compile(rb"/(?<![A-Za-z0-9._-]/)(?:home|Users)/(?P<it>[^/\s\"':;,]+)")
NODES = re.compile(r"(^|_)(NODELIST|NODENAME|HOSTNAME|HOSTS?|MASTER_ADDR|SUBMIT_HOST)$")
NOTHING = frozenset((b"true", b"false", b"none", b"null", b"yes", b"no", b"auto", b"default"))


class Mask(NamedTuple):
    """What to hide: each match, or its group `it` where the pattern has one."""

    kind: str
    pattern: re.Pattern[bytes]
    fits: Callable[[re.Match[bytes]], bool] = lambda _: True

    def found(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield from where to where each thing to hide stands in a text."""
        group = "it" if "it" in self.pattern.groupindex else 0
        yield from (m.span(group) for m in self.pattern.finditer(text) if self.fits(m))


def _assigned(match: re.Match[bytes]) -> bool:
    return is_secret(match["name"].decode()) and _tells(match)


def _tells(match: re.Match[bytes]) -> bool:
    value = match["it"].strip(b"*").lower()
    return bool(value) and value not in NOTHING


PATTERNS = (
    *(Mask(SECRET, re.compile(shape)) for shape in SHAPES),
    Mask(SECRET, ASSIGNED, _assigned),
    Mask(SECRET, LOWER, _tells),
    Mask(SECRET, OPTION, _tells),
)


def apply(masks: Iterable[Mask], text: bytes) -> tuple[bytes, Counter[str]]:
    """Hide all that the masks match; return the text, as long as before, and counts by kind."""
    counts = Counter[str]()
    for mask in masks:
        hidden = bytearray(text)
        for first, last in mask.found(text):
            if hidden[first:last].strip(b"*"):
                hidden[first:last] = b"*" * (last - first)
                counts[mask.kind] += 1
        text = bytes(hidden)
    return text, counts


def secrets_in(text: bytes) -> Iterator[bytes]:
    """Yield what the patterns find: it may stand elsewhere too, without its name."""
    return (text[first:last] for mask in PATTERNS for first, last in mask.found(text))


def users_in(text: bytes) -> Iterator[bytes]:
    """Yield the names of users' homes in a text."""
    return (match["it"] for match in HOMES.finditer(text) if match["it"].strip(b"*"))


def secret_masks(values: Iterable[bytes]) -> list[Mask]:
    """Return masks for secret values wherever they stand, also as JSON and in URLs."""
    forms: set[bytes] = set()
    for line in {line.strip() for value in values for line in value.splitlines()}:
        if len(line) >= LEAST_SECRET and line.lower() not in NOTHING:
            text = line.decode("utf-8", "surrogateescape")
            forms |= {line, quote(line).encode(), json.dumps(text)[1:-1].encode()}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return [Mask(SECRET, re.compile(re.escape(form))) for form in longest_first]


def name_masks(kind: str, names: Iterable[str]) -> list[Mask]:
    """Return masks for whole words; of host names also the qualified form."""
    domain = rb"(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*" if kind == HOST else b""
    flags = re.IGNORECASE if kind == HOST else re.NOFLAG
    longest_first = sorted(set(names), key=lambda name: (-len(name), name))
    words = (re.escape(name.encode()) + domain for name in longest_first)
    whole = rb"(?<![A-Za-z0-9])%b(?![A-Za-z0-9])"
    return [Mask(kind, re.compile(whole % word, flags)) for word in words]


def hosts_of(record: RunRecord) -> set[str]:
    """Return the host names that a record has: its machines', and those in variables."""
    hosts = {machine.host or "" for machine in record.machines}
    for variables in (record.plan.variables, *(machine.variables for machine in record.machines)):
        for name, value in variables.items():
            if NODES.search(name.upper()):
                hosts |= set(expand(value))
    names = set()
    for name in hosts:
        short, _, domain = name.partition(".")
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", name) and not re.fullmatch(r"[\d.]+", name):
            names |= {name, short} | ({domain} if "." in domain else set())
        elif re.fullmatch(r"[\d.]+", name) and name not in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 - nobody listens
            names.add(name)
    return names - {""}


def expand(nodes: str) -> Iterator[str]:
    """Yield the names of a node list, as gpu[01-03,7],login1 or a:8,b:8."""
    for item in re.findall(r"[^,\s\[\]]+(?:\[[^\]]*\])?[^,\s\[\]]*", nodes):
        head, bracket, rest = item.partition("[")
        if not bracket:
            yield head.partition(":")[0]
            continue
        inside, _, tail = rest.partition("]")
        for part in inside.split(","):
            first, _, last = part.partition("-")
            if first.isdecimal() and (last or first).isdecimal():
                for number in range(int(first), min(int(last or first), int(first) + 9999) + 1):
                    yield f"{head}{number:0{len(first)}d}{tail}"


def too_common(name: str, plan: Plan) -> str | None:
    """Say why a name cannot be looked for in texts, or None."""
    words = f"{plan.suite} {plan.implementation} {plan.title} {plan.framework}".lower()
    if len(name) < LEAST_NAME:
        return f"shorter than {LEAST_NAME} characters"
    if name.lower() in WORDS or name.lower() in re.findall(r"[a-z0-9]+|[a-z0-9-]+", words):
        return "a word that logs use"
    return None
