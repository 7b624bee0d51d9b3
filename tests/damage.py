"""Kept runs of which one value gets damaged at random, and what the commands then say of them."""

import contextlib
import gc
import gzip
import hashlib
import io
import json
import random
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from msgspec import inspect

from manyruns import leaves
from mrbench import cli
from mrbench.files import digest_of
from mrbench.model.inputs import SyntheticData
from mrbench.model.record import RunRecord
from mrbench.model.telemetry import Header, TelemetrySample
from mrbench.record.formats import plan_of, record_of
from mrbench.record.rundir import load

KEPT = Path(__file__).parent / "kept" / "smoke"
HANGS_S = 120  # a command takes some 10 ms
DEEP = 100_000
# What a value is replaced by, as JSON; None: it is taken away.
VALUES: tuple[str | None, ...] = (
    *(None, None, "null", "true", "false", '""', "[]", "{}", "[[]]", '{"a": 1}', '{"": {}}'),
    *("0", "-1", "1", "-0.0", "0.5", "1e-308", "1e308", "-1e308", "1e999", "-1e999"),
    *("NaN", "Infinity", "-Infinity", "2147483648", "9223372036854775808", "1" + "0" * 400),
    *("9" * 5000, "[1e300, 1e-300]", '["x"]', "[null]", '[{"index": 0}]', '{"mean": null}'),
    *('"x"', '"9"', '"\\u001b[2J\\r\\n\\u0000"', '"\\ud800"', '"\\u202e"', f'"{"x" * DEEP}"'),
    *('"../../x"', '"/dev/zero"', '"a/b/c"', '"<script>"', '"{python} %s \\\\"', '"(a+)+$"'),
    *('"9999-99-99T99:99:99Z"', '"ok"', '"valid"', '"gpu"'),
    *("[" * DEEP + "]" * DEEP, "[" * 60 + "]" * 60, '{"a":' * 300 + "1" + "}" * 300),
)
# What a key is called instead, as JSON.
KEYS = (
    '""',
    '"x"',
    '"\\u001b[2J\\n"',
    '"\\ud800"',
    '"\\u202e"',
    '"a.b[0]"',
    '"../x"',
    f'"{"x" * 1000}"',
)
# Keys that say in another way what the other keys of the same part say already.
OTHER_WAYS: dict[type[object], tuple[str, ...]] = {SyntheticData: ("like",)}
RENAMED = 0.1  # share of damages of keys that are renamed
HOLE = "a value stands here"
Step = str | int


class Damage(NamedTuple):
    """A file's text with one value damaged: where, and what stands there now."""

    path: tuple[Step, ...]
    value: str | None
    text: str

    @property
    def key(self) -> str:
        """Return the dotted key, as messages have it."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "".join(steps).removeprefix(".")

    def __str__(self) -> str:
        """Return key and value in one line."""
        return f"{self.key} = {'(missing)' if self.value is None else self.value[:60]}"


def damage(content: Any, dice: random.Random, indent: int | None = 1) -> Damage:  # noqa: ANN401 - any JSON
    """Replace one value of a tree, or take it away, or call it by another key."""
    path = dice.choice(list(leaves(content)))
    changed = json.loads(json.dumps(content))
    owner, last = changed, path[-1]
    for step in path[:-1]:
        owner = owner[step]
    value = dice.choice(VALUES)
    if isinstance(owner, dict) and dice.random() < RENAMED:
        value = dice.choice(KEYS)
        owner[HOLE] = owner.pop(last)
    elif value is None:
        del owner[last]
    else:
        owner[last] = HOLE
    text = json.dumps(changed, indent=indent) + "\n"
    return Damage(path, value, text.replace(json.dumps(HOLE), value or ""))


def sealed(text: str) -> str:
    """Make the digest of a record or baseline anew, where its text can still be read."""
    try:
        content = json.loads(text)
        content["digest"] = digest_of(content)
    except (ValueError, RecursionError):
        return text
    return json.dumps(content, indent=1) + "\n"


class HangError(BaseException):
    """A command does not end; no Exception, which the command would catch."""


class Answer(NamedTuple):
    """How a command ended, and what it printed; page: the report that it wrote."""

    code: int
    out: str
    err: str
    page: str = ""


class World:
    """A folder with two kept runs, `run` to be damaged, and a baseline to hold them against.

    fill: whether `run` has something in every part of its files, as if GPUs had trained it in a
    container on a cluster.
    """

    def __init__(self, folder: Path, *, fill: bool) -> None:
        self.folder = folder
        self.other, self.run = (
            _kept(name, folder / "runs") for name in ("detectron2", "torchvision")
        )
        if fill:
            _fill(self.run)
        for number in range(3):  # repeats; with ids of their own, else they are no test
            _repeat(folder / "runs", folder / "earlier", number)
        saved = self.ask("baseline", "save", "base.json", "--suite", "smoke", "--runs", "earlier")
        assert saved.code == 0, saved.err
        self.baseline = folder / "base.json"

    def ask(self, *words: object) -> Answer:
        """Run a command in this process, in the world's folder."""
        out, err = io.BytesIO(), io.BytesIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(io.TextIOWrapper(out, encoding="utf-8")) as told,
            contextlib.redirect_stderr(
                io.TextIOWrapper(err, encoding="utf-8", errors="backslashreplace")
            ) as problems,
            _limited(f"mrbench {' '.join(map(str, words))}"),
        ):
            code = cli.main([str(word) for word in words])
            gc.unfreeze()  # a command freezes what is there, as it is the last of its process
            told.flush()
            problems.flush()
            return Answer(code, out.getvalue().decode(), err.getvalue().decode())


@contextlib.contextmanager
def _limited(what: str) -> Iterator[None]:
    def hang(*_: object) -> NoReturn:
        raise HangError(f"{what}: not done within {HANGS_S} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(HANGS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _kept(name: str, runs: Path) -> Path:
    (kept,) = (KEPT / name).iterdir()
    run = shutil.copytree(kept, runs / "smoke" / name / kept.name)
    for packed in run.glob("*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    return run


def _repeat(runs: Path, into: Path, number: int) -> None:
    for path in runs.glob("*/*/*/record.json"):
        record = record_of(path.read_bytes(), "").plain()  # of today's names
        record["id"] += f"-{number}"
        record["measurement"]["throughput"] *= 1 + 0.004 * number
        folder = into / path.parent.relative_to(runs)
        folder = folder.with_name(f"{folder.name}-{number}")
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(sealed(json.dumps(record)))


def _fill(run: Path) -> None:
    plan = plan_of((run / "plan.json").read_bytes(), "").plain() | {"accelerator": "gpu"}
    (run / "plan.json").write_text(json.dumps(plan, indent=1) + "\n")
    header, sample = (_example(inspect.type_info(kind)) for kind in (Header, TelemetrySample))
    first, *others = map(json.loads, (run / "telemetry.jsonl").read_text().splitlines())
    lines = [_merged(first | {"gpus": None}, header)]
    lines += [_merged(line, sample) if "host" in line else line for line in others]
    lines.insert(2, {"monotonic_ns": lines[1]["monotonic_ns"], "problem": "a problem"})
    (run / "telemetry.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    record = record_of((run / "record.json").read_bytes(), "").plain() | {"plan": plan}
    reseal_files(run, _merged(record, _example(inspect.type_info(RunRecord))))
    load(run / "record.json")


def reseal_files(run: Path, record: dict[str, Any] | None = None) -> None:
    """Make the digests of a run's files anew in its record, as a careful forger does."""
    record = record or json.loads((run / "record.json").read_text())
    for name in ("plan.json", "telemetry.jsonl"):
        record["files"][name] = _digest(run / name)
    record["plan_digest"] = record["files"]["plan.json"]["sha256"]
    (run / "record.json").write_text(sealed(json.dumps(record)))


def _digest(path: Path) -> dict[str, object]:
    raw = path.read_bytes()
    return {"sha256": hashlib.sha256(raw).hexdigest(), "size_bytes": len(raw)}


def _merged(content: Any, model: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a tree with what is missing or null in it as a model has it."""
    if not isinstance(content, dict) or not isinstance(model, dict):
        return model if content is None else content
    keys = dict.fromkeys((*content, *model))
    return {key: _merged(content.get(key), model.get(key)) for key in keys}


def _example(kind: inspect.Type) -> Any:  # noqa: ANN401, PLR0911 - one for each kind of JSON
    """Return JSON of a type, with something in every part of it."""
    match kind:
        case inspect.Metadata():
            return _example(kind.type)
        case inspect.UnionType():
            return _example(kind.types[0])
        case inspect.StructType():
            other = OTHER_WAYS.get(kind.cls, ())
            return {
                field.encode_name: None if field.name in other else _example(field.type)
                for field in kind.fields
            }
        case inspect.DictType():
            named = isinstance(kind.key_type, inspect.StrType) and kind.key_type.pattern
            return {"a" if named else "0": _example(kind.value_type)}
        case inspect.VarTupleType():
            return [_example(kind.item_type)]
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.StrType():
            fitting = ("x", "mean", "0" * 64, "0" * 40, "a==1")
            return next(text for text in fitting if re.search(kind.pattern or "", text))
        case inspect.CustomType():  # a path
            return "/x"
        case inspect.BoolType():
            return True
    return 1
