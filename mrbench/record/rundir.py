"""The one owner of file names in a run's folder, and of how a record is written and read."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mrbench import files
from mrbench.errors import MrbenchError
from mrbench.files import read_regular, write_whole
from mrbench.model.logformat import LogFormat
from mrbench.model.record import FileDigest, RunRecord
from mrbench.record import tags
from mrbench.record.formats import is_edited, record_of
from mrbench.text import did_you_mean, printable

MOST_BYTES = 16 << 20  # of a record.json; it has some 16 kB
RECENT = 100  # runs whose names a misspelt one is compared with
# Not in a record's `files`: it itself, what is gone once it is written, what others may add to.
UNSEALED = (
    *("record.json", "draft.json", "prepared.json", "lease", "slurm.out"),
    *("secrets.json", tags.FILE),
)


class File:
    """A file of a run's folder, by its name there."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, folder: "RunDir", _: type["RunDir"]) -> Path:
        """Return its path."""
        return folder.path / self._name


class RunDir(msgspec.Struct, frozen=True):
    """A run's folder: plain files, enough to compute every number again."""

    path: Path

    plan = File("plan.json")  # saved before anything happens
    log = File("train.log")  # what the training printed, byte for byte
    stamps = File("train.stamps")  # when each part of train.log arrived
    # What the training wrote into the file that its recipe names as the log (log.file), and when
    # each part of it was seen.
    result_log = File("result.log")
    result_stamps = File("result.stamps")
    exit = File("exit.json")  # how the training ended, as the process that watched it wrote
    # What GPUs, host and the training's processes did; mrbench.launch.telemetry writes it.
    telemetry = File("telemetry.jsonl")
    container = File("container.json")  # what it was made of and how it ended; of runs in one
    prepared = File("prepared.json")  # what was made for the run; for the nodes of a cluster
    # The record as far as it was known when the run was handed to a cluster.
    draft = File("draft.json")
    submission = File("slurm.json")  # which job of which cluster the run is
    script = File("job.sh")  # the job's batch script
    # What the batch script printed beside the training: Slurm's and mrbench's messages.
    output = File("slurm.out")
    lease = File("lease")  # a number that changes as long as somebody waits for the run
    # What the job's first node says of itself and of the end; it writes nothing after that.
    node_report = File("node.json")
    kept = File("kept")  # small files that the training itself wrote and the recipe asks to keep
    # The variables whose values plan and record hide, for `mrbench pack`; for nobody else.
    secrets = File("secrets.json")
    record = File("record.json")  # all that is known of the run; written last, by rename

    def measured(self, log: LogFormat) -> tuple[Path, Path]:
        """Return the log that is measured and its arrival times: the output, or a result file."""
        if log.file is None:
            return self.log, self.stamps
        return self.result_log, self.result_stamps

    def telemetry_of(self, name: str) -> Path:
        """Return the telemetry of another machine."""
        return self.telemetry.with_suffix(f".{name}.jsonl")

    def rank(self, number: int) -> Path:
        """Return the file in which one of several nodes says what it is."""
        return self.path / f"node-{number}.json"


def create(runs: Path, name: Path) -> RunDir:
    """Make a new folder for one run; a second run in the same second gets a number."""
    for attempt in range(1, 1000):
        path = runs / (name if attempt == 1 else name.with_name(f"{name.name}-{attempt}"))
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as exc:
            text = f"cannot be made ({exc.strerror})"
            raise MrbenchError(text, "choose another folder with --runs", file=path) from exc
        return RunDir(path)
    raise MrbenchError("1000 runs in one second", "look into that folder", file=runs / name)


def write_secrets(folder: RunDir, values: Mapping[str, str]) -> None:
    """Write down what no other file of the run holds, readable for its owner alone."""
    if values:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(folder.secrets, flags, 0o600), "w") as out:
            json.dump(values, out)


def stamp() -> str:
    """Return the UTC time as it stands in folder names: sorts as it reads."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def names_in(folder: RunDir) -> list[str]:
    """Return what lies in a run's folder beside record.json, folders aside: relative, sorted."""
    found = (p for p in folder.path.rglob("*") if p.is_symlink() or not p.is_dir())
    names = sorted(p.relative_to(folder.path).as_posix() for p in found)
    return [name for name in names if name not in UNSEALED]


def describe_files(folder: RunDir) -> dict[str, FileDigest]:
    """Return digest and size of each file in a run's folder, by name."""
    return {name: describe(folder.path / name) for name in names_in(folder)}


def describe(path: Path) -> FileDigest:
    """Return a file's digest and size, read now."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return FileDigest(sha256=sha256, size_bytes=stream.tell())


def write_record(folder: RunDir, record: RunRecord) -> RunRecord:
    """Write record.json whole or not at all; return the record with its own digest."""
    content = record.plain()
    digest = files.digest_of(content)
    text = json.dumps(content | {"digest": digest}, indent=1, sort_keys=True)
    write(folder.record, f"{text}\n")
    return msgspec.structs.replace(record, digest=digest)


def write(path: Path, text: str, *, private: bool = False) -> None:
    """Write one of the folder's files whole or not at all; private: for its owner alone."""
    with files.refusal("written", path, "make room there, or choose another folder with --runs"):
        write_whole(path, text.encode(), private=private)


def load(path: Path, called: str | None = None) -> RunRecord:
    """Read one record.json; MrbenchError names the file, `called` if so, and the wrong key."""
    return record_of(read_bytes(path), called or str(path))


def load_checked(path: Path, called: str) -> tuple[RunRecord, bool]:
    """Read one record.json, and tell whether it is not as its own digest has it."""
    raw = read_bytes(path)
    record = record_of(raw, called)
    return record, is_edited(raw, record)


def read_bytes(path: Path) -> bytes:
    """Return one of the folder's JSON files as it is; MrbenchError if it cannot be read."""
    try:
        return read_regular(path, MOST_BYTES)
    except OSError as exc:
        raise cannot_read(path, exc) from exc


def cannot_read(path: str | Path, exc: OSError) -> MrbenchError:
    """Return the error for a file that the system does not let us read."""
    return MrbenchError(f"cannot be read ({exc.strerror})", "check the path", file=path)


def find_run(name: str, runs: Path) -> Path:
    """Return the run's folder, given as a path, the end of suite/impl/time, or a tag."""
    for direct in (Path(name), runs / name):
        if (direct / "record.json").is_file():
            return direct
    tagged = tags.tagged(name, runs)
    matches = tagged or [p.parent for p in find_records(runs) if str(p.parent).endswith(name)]
    if len(matches) == 1:
        return matches[0]
    if tagged:
        text = f"{name!r} is a tag of {len(tagged)} runs"
        raise MrbenchError(text, f"`mrbench runs --tag {name}` lists them")
    if matches:
        raise _several(name, matches)
    raise MrbenchError(f"no run {name!r} under {runs}", _hint(name, runs))


def _several(name: str, matches: list[Path]) -> MrbenchError:
    ends = ", ".join(repr("/".join(path.parts[-3:])) for path in matches[-2:])
    text = f"{name!r} fits {len(matches)} runs"
    return MrbenchError(text, f"give more of the path, as {ends}")


def unusable(runs: Path) -> str:
    """Say why nothing can be found in a folder of runs, or nothing."""
    if not runs.is_dir():
        return "there is no such folder, check --runs"
    readable = os.access(runs, os.R_OK | os.X_OK)
    return "" if readable else "that folder cannot be read, ask for the permission"


def nothing_in(runs: Path, what: str) -> str:
    """Return one line that says so of a folder of runs, and why if it cannot be looked into."""
    return "; ".join(filter(None, (f"{printable(str(runs))}: {what}", unusable(runs))))


def _hint(name: str, runs: Path) -> str:
    """Say what somebody may have meant by the name of a run that is not there."""
    if fault := unusable(runs):
        return fault
    unfinished = find_unfinished(runs)
    for folder in unfinished:
        if str(folder).endswith(name):
            return f"{'/'.join(folder.parts[-3:])} {why_unfinished(folder)}"
    known = ["/".join(path.parts[-4:-1]) for path in find_records(runs)[-RECENT:]]
    if not known:
        return (
            "none there has a record yet" if unfinished else "there are none at all, check --runs"
        )
    return did_you_mean(name, known) or f"the newest is {known[-1]!r}"


def find_records(runs: Path, suite: str | None = None) -> list[Path]:
    """Return the record.json files under a folder of runs, or of one suite there, oldest first."""
    return _find(runs, suite, "record.json")


def find_unfinished(runs: Path, suite: str | None = None) -> list[Path]:
    """Return the runs that have a plan and no record: still running, or mrbench was killed."""
    return _unrecorded(runs, suite, "plan.json")


def _unrecorded(runs: Path, suite: str | None, *names: str) -> list[Path]:
    """Return the runs that have one of these files and no record, oldest first."""
    folders = {path.parent for name in names for path in _find(runs, suite, name)}
    left = [folder for folder in folders if not (folder / "record.json").exists()]
    return sorted(left, key=lambda folder: folder.name)


def _find(runs: Path, suite: str | None, name: str) -> list[Path]:
    if suite is not None and Path(suite).name != suite:
        return []  # of a file that says so: it leads elsewhere
    matches = runs.glob(f"*/*/*/{name}") if suite is None else (runs / suite).glob(f"*/*/{name}")
    return sorted(matches, key=lambda path: path.parent.name)


def why_unfinished(folder: Path) -> str:
    """Return what is to be said of such a run, behind its name."""
    run = RunDir(folder)
    if run.submission.exists():
        return "is with a cluster; `mrbench status` tells more"
    if run.draft.exists() and run.log.exists():
        return "has no record (yet, or was killed); `mrbench collect` finishes it"
    return "has no record (yet, or was killed)"


def find_unfinished_run(name: str, runs: Path) -> Path:
    """Return the folder of a run without a record, named as for `find_run`.

    MrbenchError where there is none, where it has its record, or nothing to finish it from.
    """
    named = [RunDir(Path(name)), RunDir(runs / name)]
    matches = [run.path for run in named if run.draft.is_file() and not run.record.exists()][:1]
    matches = matches or [r.path for r in find_drafts(runs) if str(r.path).endswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise _several(name, matches)
    for run in named:
        if run.record.exists():
            raise MrbenchError("has its record", "`mrbench show` prints it", file=run.path)
        if run.plan.exists():
            text = "there is no draft.json to finish its record from"
            raise MrbenchError(text, "run again", file=run.path)
    text = f"no run without a record {name!r} under {runs}"
    raise MrbenchError(text, "check the name and --runs")


def find_drafts(runs: Path) -> list[RunDir]:
    """Return the runs whose record can be finished, here or on a cluster; oldest first."""
    return list(map(RunDir, _unrecorded(runs, None, "draft.json", "slurm.json")))


def find_submitted(runs: Path) -> list[RunDir]:
    """Return the runs that are with a cluster: submitted, and without a record; oldest first."""
    return list(map(RunDir, _unrecorded(runs, None, "slurm.json")))
