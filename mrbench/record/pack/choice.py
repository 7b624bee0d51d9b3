"""What to hide in a run: secrets, host names, user names."""

import getpass
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from mrbench.measure.log.blocks import read_blocks
from mrbench.record.archive import Opened
from mrbench.record.pack import masking
from mrbench.record.pack.copy import files_of, is_binary
from mrbench.record.pack.masking import HOST, USER, Mask

Record = dict[str, Any]


def choose(run: Opened, record: Record) -> tuple[list[Mask], list[Mask], tuple[str, ...]]:
    """Return masks of secrets, of names, and which names are too common to be looked for."""
    values = set(_secrets_of(record))
    users = _me()
    for text in _texts(run, record):
        users |= {name.decode("utf-8", "replace") for name in masking.users_in(text)}
        values |= {value for value in masking.secrets_in(text) if re.search(rb"[^a-z]", value)}
    left, masks = [], []
    users -= {"root"}  # tells nothing of anybody
    for kind, names in ((HOST, masking.hosts_of(record)), (USER, users)):
        why = {name: masking.too_common(name, record) for name in names}
        reasons = sorted({reason for reason in why.values() if reason})
        left += [f"a {kind} in texts ({reason})" for reason in reasons]
        masks += masking.name_masks(kind, [name for name in names if not why[name]])
    # A user's home is hidden even where the name is too common to be looked for elsewhere.
    homes = Mask(USER, masking.HOMES)
    return [*masking.secret_masks(values), *masking.PATTERNS], [homes, *masks], tuple(left)


def _secrets_of(record: Record) -> Iterator[bytes]:
    plan, machine = record["plan"], record.get("machine") or {}
    for variables in (plan.get("variables") or {}, machine.get("variables") or {}):
        for name, value in variables.items():
            if masking.is_secret(name):
                yield str(value).encode()
    words = [str(word) for word in plan.get("command") or ()]
    for option, value in itertools.pairwise(words):
        if option.startswith("-") and "=" not in option and masking.is_secret(option.strip("-")):
            yield value.encode()


def _texts(run: Opened, record: Record) -> Iterator[bytes]:
    yield json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for path in files_of(run):
        if not is_binary(path):
            for _, block in read_blocks(path):
                yield block


def _me() -> set[str]:
    try:
        return {getpass.getuser()}
    except (KeyError, OSError):  # a container's user without a name
        return set()
