"""Files of mrbench's own: where they are, how they come into being, and typed JSON out of them.

JSON becomes a value of a msgspec type, or an error that names file and key. Encoding stays with
`json.dumps` where people read the file or a digest is taken of it.
"""

import contextlib
import errno
import functools
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import msgspec

from mrbench.errors import MrbenchError, NewerFormatError
from mrbench.text import printable


def home() -> Path:
    """Return $MRBENCH_HOME, else $XDG_CACHE_HOME/mrbench, else ~/.cache/mrbench."""
    named = os.environ.get("MRBENCH_HOME")
    if named:
        return real_path(Path(named).expanduser())
    cache = os.environ.get("XDG_CACHE_HOME")
    return real_path(Path(cache) if cache else Path.home() / ".cache") / "mrbench"


def real_path(path: Path) -> Path:
    """Return an absolute path without links; of links that lead in a circle, as far as it goes.

    Path.resolve() raises RuntimeError for those. Who opens them later gets an OSError.
    """
    return Path(os.path.realpath(path))


def mark_used(path: Path) -> None:
    """Note that a run uses an entry of the home now: `mrbench cache gc` goes by that.

    In a file of its own: times within an entry say what it was made from.
    """
    marker = _marker(path)
    with contextlib.suppress(OSError):  # a home that cannot be written to
        try:
            os.utime(marker)
        except FileNotFoundError:
            marker.parent.mkdir(exist_ok=True)
            marker.touch()


def forget_use(path: Path) -> None:
    """Remove the note of an entry that is removed."""
    with contextlib.suppress(OSError):
        _marker(path).unlink()


def last_used_s(path: Path) -> float:
    """Return when a run last used an entry of the home, in seconds since 1970, else its own time.

    0 where it is not there.
    """
    times = [0.0]
    for file in (path, _marker(path)):
        with contextlib.suppress(OSError):
            times.append(file.lstat().st_mtime)
    return max(times)


def _marker(path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    return home() / ".used" / name


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write beside and rename: the file has all of `content`, or is as it was before.

    private: readable for its owner alone.
    """
    with in_place_of(path, private=private) as file:
        file.write(content)


@contextlib.contextmanager
def in_place_of(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """Open a file beside `path` to write; it takes its place, unless the block fails.

    It is created under a name that nobody can have laid there, with the usual permissions, unlike
    those of tempfile. OSError where it cannot be made.
    """
    beside = path.with_name(f".{path.name[:200]}.{os.urandom(6).hex()}.part")
    mode = 0o600 if private else 0o666
    with open(beside, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        try:
            yield file
            file.close()
            beside.replace(path)
        except BaseException as exc:
            if isinstance(exc, OSError) and exc.errno in FULL:  # a failed write names no file
                exc.filename = str(path)
            for undo in (file.close, beside.unlink):  # on a full disk close() fails once more
                with contextlib.suppress(OSError):
                    undo()
            raise


def unfinished(folder: Path, older_than_s: float) -> Iterator[Path]:
    """Yield the files of `in_place_of` that nobody has written to for so long: of killed runs."""
    for path in folder.glob(".*.part") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > older_than_s:
                yield path


FULL = (errno.ENOSPC, errno.EDQUOT)
REMEDIES = {
    **dict.fromkeys(FULL, "free space there, or choose another place"),
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EACCES: "ask for the permission, or choose another path",
    errno.EPERM: "ask for the permission, or choose another path",
    errno.EROFS: "choose a place that can be written to",
    errno.EEXIST: "something else is there; move it away",
    errno.ENOTDIR: "something else is there; move it away",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "this machine has too many files open; wait, or end what opened them",
    errno.EAGAIN: "allow more processes (ulimit -u)",
    errno.ENOMEM: "free some memory",
}


def translated(exc: OSError) -> MrbenchError:
    """Return what the system refused in one line, with what to do about it."""
    remedy = REMEDIES.get(exc.errno or 0, "correct the path")
    file = exc.filename2 if exc.errno in FULL and exc.filename2 else exc.filename  # of a copy
    return MrbenchError(str(exc.strerror or exc), remedy, file=file)


@contextlib.contextmanager
def refusal(
    what: str, path: str | Path, remedy: str, error: type[MrbenchError] = MrbenchError
) -> Iterator[None]:
    """Raise `error` of a file that the system lets nobody read, or write; what: `written`, ..."""
    try:
        yield
    except OSError as exc:
        raise error(f"cannot be {what} ({exc.strerror})", remedy, file=path) from exc


def read_regular(path: str | Path, most_bytes: int) -> bytes:
    """Return a regular file's first bytes; OSError for what is none, as a pipe or a device.

    A third of what open() and read() take: records are read by the ten thousand.
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else a pipe's open waits for a writer
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        size = min(status.st_size, most_bytes)
        content = os.read(number, size)
        while len(content) < size and (more := os.read(number, size - len(content))):
            content += more
        return content
    finally:
        os.close(number)


T = TypeVar("T")
MOST_BYTES = 256 << 20  # of a file that mrbench wrote for itself; the biggest list files
DAMAGED = "it was edited or damaged; restore it or remove it"
_LOCATION = re.compile(r"(?P<text>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_FIELD = re.compile(
    r"Object (?P<how>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL
)
_KIND = re.compile(r"`(\w+(?: \| \w+)*)`")
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "keys and values",
}
_WORDS = {
    " of length >= 1": " that is not empty",
    " >= ": " of at least ",
    " <= ": " of at most ",
    " > ": " above ",
}


def check_format(
    number: int,
    what: str,
    known: range,
    file: str | Path,
    *,
    error: type[MrbenchError] | None = None,
) -> None:
    """Refuse a file, as `record` or `plan`, of a format that this mrbench does not know.

    Raises `error` if given, else NewerFormatError for a newer one and MrbenchError for an older.
    """
    if number >= known.stop:
        limits = f"{what} format {number}; this one reads up to {known[-1]}"
        newer = error or NewerFormatError
        raise newer(f"written by a newer mrbench ({limits})", "upgrade mrbench", file=file)
    if number < known.start:
        raise (error or MrbenchError)(
            f"has {what} format {number}; this mrbench reads {known.start} to {known[-1]}",
            "read it with the mrbench that wrote it",
            file=file,
        )


def decode(
    raw: bytes,
    cls: type[T],
    file: str | Path,
    *,
    line: int | None = None,
    error: type[MrbenchError] = MrbenchError,
    remedy: str = DAMAGED,
) -> T:
    """Read JSON as `cls`; `error` names `file`, the line if given, and the key that does not fit.

    NaN, infinities and lone surrogates are taken, as `json` writes them.
    """
    found = decode_plain(raw, cls)
    if found is not None:
        return found
    plain = loads(raw, file, line=line, error=error, remedy=remedy)
    return convert(plain, cls, file, line=line, error=error, remedy=remedy)


def decode_plain(raw: bytes, cls: type[T]) -> T | None:
    """Read JSON as `cls`, or return None: `decode` says why, or reads what `json` alone takes."""
    with contextlib.suppress(msgspec.DecodeError, ValueError, RecursionError):
        return cast("T", _decoder(cast("Hashable", cls)).decode(raw))
    return None


def loads(
    raw: bytes,
    file: str | Path,
    *,
    line: int | None = None,
    error: type[MrbenchError] = MrbenchError,
    remedy: str = DAMAGED,
) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what JSON holds as plain values; `error` names the file."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise error(f"is not JSON ({exc})", remedy, file=file, line=line) from exc


def cached(path: Path, cls: type[T]) -> T | None:
    """Read a file that can be made again; None if it is missing, damaged or of another version."""
    try:
        return decode(read_regular(path, MOST_BYTES), cls, path)
    except (OSError, MrbenchError):
        return None


def convert(
    plain: object,
    cls: type[T],
    file: str | Path,
    *,
    line: int | None = None,
    error: type[MrbenchError] = MrbenchError,
    remedy: str = DAMAGED,
) -> T:
    """Turn plain values, as `json.loads` returns them, into `cls`; errors as `decode` raises."""
    try:
        return msgspec.convert(plain, cls, str_keys=True, dec_hook=_path)
    except msgspec.ValidationError as exc:
        key, text = explain(exc, plain, cls)
        raise error(text, remedy, file=file, line=line, key=key or None) from exc
    except UnicodeEncodeError:  # a lone surrogate where no text fits, or in a key
        return convert(_unicode(plain), cls, file, line=line, error=error, remedy=remedy)


def _unicode(plain: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return plain values with the replacement character for each lone surrogate."""
    if isinstance(plain, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", plain)
    if isinstance(plain, list):
        return [_unicode(item) for item in plain]
    if isinstance(plain, dict):
        return {_unicode(key): _unicode(value) for key, value in plain.items()}
    return plain


def explain(exc: msgspec.ValidationError, plain: object, cls: type) -> tuple[str, str]:
    """Return the dotted key of the value that does not fit `cls`, and what is wrong with it.

    plain: the value that msgspec refused. msgspec leaves out which key of a mapping it means; it
    is found by trying them.
    """
    match = _LOCATION.fullmatch(str(exc))
    text, path = (match["text"], match["path"] or "") if match else (str(exc), "")
    steps = _steps(path, plain, lambda: _message(plain, cls) == str(exc))
    field = _FIELD.fullmatch(text)
    if field:
        steps.append(f".{field['name'] or repr('')}")
        text = "missing" if field["how"].startswith("missing") else "unknown key"
    text = _KIND.sub(lambda m: " or ".join(_KINDS.get(k, k) for k in m[1].split(" | ")), text)
    for word, plain_word in _WORDS.items():
        text = text.replace(word, plain_word)
    key = "".join(steps).removeprefix(".")
    return printable(key), printable(text[:1].lower() + text[1:])


@functools.cache
def _decoder(cls: Hashable) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(cast("type", cls), dec_hook=_path)


def _path(cls: type, value: object) -> object:
    if cls is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(f"expected text, got {type(value).__name__}")


def at(plain: Any, key: str) -> object:  # noqa: ANN401 - whatever JSON or YAML holds
    """Return the value at a dotted key that `explain` returned."""
    for name, index in _STEP.findall(f".{key}"):
        plain = plain[int(index)] if index else plain[name]
    return plain


def _steps(path: str, plain: Any, same: Callable[[], bool]) -> list[str]:  # noqa: ANN401 - JSON
    """Follow msgspec's path into `plain`; `same` tells whether it still has the same fault."""
    steps, at = [], plain
    for name, index in _STEP.findall(path):
        step = int(index) if index.isdecimal() else name or _faulty(at, same)
        at = at[step]
        steps.append(f".{step}" if isinstance(step, str) else f"[{step}]")
    return steps


def _faulty(mapping: dict[str, object], same: Callable[[], bool]) -> str:
    """Return the first key whose value alone makes the fault; the others are left out of it."""
    entries = list(mapping.items())
    for name, value in entries:
        mapping.clear()
        mapping[name] = value
        if same():
            break
    mapping.clear()
    mapping.update(entries)
    return name


def _message(plain: object, cls: type) -> str:
    try:
        msgspec.convert(plain, cls, str_keys=True, dec_hook=_path)
    except (msgspec.ValidationError, UnicodeEncodeError) as exc:
        return str(exc)
    return ""


def digest_of(content: Mapping[str, object]) -> str:
    """Return the SHA-256 of a record or baseline, as JSON holds it, without its own digest."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
