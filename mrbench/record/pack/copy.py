"""A run's folder once more, with all that is to be hidden hidden, and a record that tells so."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mrbench import __version__
from mrbench.errors import MrbenchError
from mrbench.files import digest_of
from mrbench.measure.log.blocks import read_blocks
from mrbench.model.record import FileDigest, Masked, Packed, PackedRecord, RunRecord
from mrbench.record import ledger, rundir
from mrbench.record.archive import Opened
from mrbench.record.formats import record_of
from mrbench.record.pack import crate, masking
from mrbench.record.pack.masking import HOST, Mask
from mrbench.record.rundir import RunDir
from mrbench.text import is_secret

# What names the run and its files; nothing of this machine stands there.
UNTOUCHED = ("id", "plan_digest", "files", "status", "started", "ended")
SNIFF_BYTES = 8192
GZIP = b"\x1f\x8b"


def masked_copy(
    run: Opened, folder: RunDir, masks: tuple[Mask, ...], left: tuple[str, ...], *, ro_crate: bool
) -> RunRecord:
    """Write the run's files, masked, into a folder, and the record that says so; return that.

    The record keeps the format that it has. left: what cannot be masked, and why. ro_crate: with
    ro-crate-metadata.json.
    """
    found: dict[str, Counter[str]] = {}  # what was hidden in which file
    originals: dict[str, FileDigest] = {}
    for path in files_of(run):
        old = path.relative_to(run.folder.path).as_posix()
        new = _masked_name(old, masks)
        target = folder.path / new
        if target.exists():
            text = "would have the name of another file"
            raise MrbenchError(text, "rename one of them", file=path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_binary(path):
            left = (*left, f"{new} (no text: not looked through)")
            shutil.copyfile(path, target)
            continue
        found[new] = (_mask_plan if old == "plan.json" else _mask_file)(path, target, masks)
        if found[new] or old != new:
            originals[new] = rundir.describe(path)
    content = json.loads(rundir.read_bytes(run.folder.record))
    rest = {key: value for key, value in content.items() if key not in UNTOUCHED}
    hidden, found["record.json"] = _masked_value(rest, masks)
    masked = {
        kind: Masked(count=count, files=tuple(sorted(n for n in found if kind in found[n])))
        for kind, count in sum(found.values(), Counter[str]()).items()
    }
    original = rundir.describe(run.folder.record)
    packed = Packed(
        mrbench=__version__,
        record=PackedRecord(
            sha256=original.sha256, size_bytes=original.size_bytes, digest=content.get("digest")
        ),
        masked=masked,
        left=left,
        originals=originals,
        of_plan=ledger.of_plan(content["plan_digest"], {content["id"]: run.called}),
    )
    untouched = {key: content[key] for key in UNTOUCHED if key in content}
    if ro_crate:
        described = record_of(json.dumps(hidden | untouched).encode(), run.record_name)
        names = [*rundir.names_in(folder), "record.json"]
        rundir.write(folder.path / crate.FILE, crate.crate_of(described, names))
    added = msgspec.to_builtins({"files": rundir.describe_files(folder), "packed": packed})
    content = {**hidden, **untouched, **added}
    content["digest"] = digest_of(content)
    rundir.write(folder.record, json.dumps(content, indent=1, sort_keys=True) + "\n")
    return rundir.load(folder.record)


def files_of(run: Opened) -> Iterator[Path]:
    """Yield a run's files but record.json, each as the training or mrbench wrote it."""
    yield from (run.folder.path / name for name in run.names())


def is_binary(path: Path) -> bool:
    """Tell whether a file is no text; its bytes are then packed as they are."""
    with path.open("rb") as stream:
        start = stream.read(SNIFF_BYTES)
        return start.startswith(GZIP) or b"\0" in start


def _mask_plan(path: Path, target: Path, masks: tuple[Mask, ...]) -> Counter[str]:
    """Mask value by value, as in the record, so that both still agree."""
    plan, counts = _masked_value(json.loads(path.read_bytes()), masks)
    text = json.dumps(plan, sort_keys=True, indent=1) + "\n"
    target.write_bytes(text.encode() if counts else path.read_bytes())
    return counts


def _mask_file(path: Path, target: Path, masks: tuple[Mask, ...]) -> Counter[str]:
    total = Counter[str]()
    with target.open("wb") as out:
        for _, block in read_blocks(path):
            text, counts = masking.apply(masks, block)
            out.write(text)
            total += counts
    return total


def _masked_name(name: str, masks: tuple[Mask, ...]) -> str:
    text, _ = masking.apply(masks, name.encode("utf-8", "surrogateescape"))
    return text.decode("utf-8", "surrogateescape").replace("*", "x") if b"*" in text else name


def _masked_value(value: Any, masks: tuple[Mask, ...], key: str = "") -> tuple[Any, Counter[str]]:  # noqa: ANN401 - whatever JSON holds
    """Mask each text in a tree of values; a variable's by its name, a host's by its key."""
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        own = masking.SECRET if is_secret(key) else HOST if _names_host(key) else None
        if own and value:
            return "*" * len(raw), Counter([own])
        text, counts = masking.apply(masks, raw)
        return text.decode("utf-8", "surrogatepass"), counts
    counts = Counter[str]()
    if not isinstance(value, dict | list):
        return value, counts
    masked = []
    for name, item in value.items() if isinstance(value, dict) else (("", item) for item in value):
        part, inner = _masked_value(item, masks, str(name))
        masked.append((name, part))
        counts += inner
    return dict(masked) if isinstance(value, dict) else [part for _, part in masked], counts


def _names_host(key: str) -> bool:
    return key == "host" or (key.isupper() and bool(masking.NODES.search(key)))
