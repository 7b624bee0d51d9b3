"""Hand a plan to Slurm: everything up to the launch is made here, the rest happens on a node."""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from mrbench import __version__
from mrbench.console import Reporter
from mrbench.errors import MrbenchError
from mrbench.files import home
from mrbench.launch.executors import Wishes
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import job, scratch, surroundings
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import run_folder_name
from mrbench.record import rundir
from mrbench.record.record import blank, now
from mrbench.record.rundir import RunDir
from mrbench.run.slurm import client, handover, script, watch
from mrbench.run.slurm.collect import refused
from mrbench.run.slurm.container import choose

Record = dict[str, Any]
OWNED_BY = "run-folder"  # in a scratch folder: whose it is


class Watcher:
    """The process that cancels the jobs of a mrbench that was killed, and renews their leases."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(watch.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C on the terminal is for mrbench alone
        )
        self._words: IO[bytes] | None = self._process.stdin

    def say(self, *words: object) -> None:
        """Send a line; where the watcher was killed, the leases end the jobs."""
        with contextlib.suppress(BrokenPipeError):
            if self._words is not None:
                self._words.write(os.fsencode(" ".join(map(str, words)) + "\n"))

    def close(self) -> None:
        """Let it go: nothing is left to watch."""
        self.say("bye")
        if self._words is not None:
            self._words.close()
        self._process.wait()


@contextlib.contextmanager
def watching(*, wanted: bool) -> Iterator[Watcher | None]:
    """Watch over the jobs that are submitted meanwhile, if that is wanted."""
    if not wanted:
        yield None
        return
    watcher = Watcher()
    try:
        yield watcher
    finally:
        watcher.close()


def check(plans: Iterable[Plan], wishes: Wishes) -> None:
    """Ask Slurm whether it could run such jobs, before anything is cloned; LaunchError if not."""
    if wishes.time_limit is not None:
        script.check_time(wishes.time_limit)
    if wishes.container is not None:
        choose(wishes.container, (), wishes.nodes)
    orders = {script.render(_order(plan, wishes, Path("/dev"), "mrbench-check")) for plan in plans}
    with tempfile.TemporaryDirectory(prefix="mrbench-") as folder:
        for text in sorted(orders):
            path = Path(folder) / "job.sh"
            path.write_text(text)
            client.check(path)


def submit(  # noqa: PLR0917 - the pipeline's parts, each used once
    plan: Plan,
    file: RecipeFile,
    places: Places,
    reporter: Reporter,
    wishes: Wishes,
    watcher: Watcher | None,
    known: Record,
) -> tuple[RunDir, Record | None]:
    """Prepare a run and submit its job; return its folder, and the record of what went wrong.

    known: what the record tells of how it came to this run, as run.run_one's.
    """
    folder = rundir.create(places.runs.resolve(), run_folder_name(plan, rundir.stamp()))
    rundir.write(folder.plan, plan.canonical())
    record = blank(plan, file, folder) | known
    own = scratch.folder(plan.suite, plan.implementation, folder.path.name)
    try:
        _prepare(plan, file, places, folder, own, reporter, record, wishes)
        _submit(plan, folder, own, record, wishes, watcher)
    except MrbenchError as exc:
        shutil.rmtree(own, ignore_errors=True)
        return folder, refused(folder, record, exc)
    except KeyboardInterrupt:
        shutil.rmtree(own, ignore_errors=True)
        record |= {"status": "interrupted", "reason": "interrupted by the user", "exit_code": 130}
        record["ended"] = now()
        rundir.write_record(folder, record)
        raise
    return folder, None


def _prepare(  # noqa: PLR0917 - the pipeline's parts, each used once
    plan: Plan,
    file: RecipeFile,
    places: Places,
    folder: RunDir,
    own: Path,
    reporter: Reporter,
    record: Record,
    wishes: Wishes,
) -> None:
    stage = functools.partial(reporter.stage, plan.implementation)
    sweep(own.parent)
    own.mkdir(parents=True)
    (own / OWNED_BY).write_text(f"{folder.path}\n")
    ready = job.prepare(plan, file, places, own, stage, surroundings, port=False)
    record["workspace"] = dataclasses.asdict(ready.workspace)
    record["environment"] = dataclasses.asdict(ready.environment)
    record["weights"] = [dataclasses.asdict(used) for used in ready.weights]
    container = None
    if wishes.container is not None:
        container = choose(wishes.container, _seen(plan, places, folder, ready), plan.nodes)
        record["container"] = dataclasses.asdict(container)
    handover.write(folder, ready, container)
    stage("submitting the job")


def _seen(plan: Plan, places: Places, folder: RunDir, ready: job.Prepared) -> list[Path]:
    """Return the folders that a training in a container must see."""
    base = ready.environment.python.resolve().parent.parent
    data = job.data_folder(plan, places)
    found = [folder.path, home(), data, places.weights]
    # /usr is the image's: it has to have the same Python there
    return [p for p in (*found, None if base == Path("/usr") else base) if p is not None]


def _submit(  # noqa: PLR0917 - the same
    plan: Plan,
    folder: RunDir,
    own: Path,
    record: Record,
    wishes: Wishes,
    watcher: Watcher | None,
) -> None:
    name = f"mrbench-{plan.implementation}-{uuid.uuid4().hex[:8]}"
    text = script.render(_order(plan, wishes, folder.path, name))
    rundir.write(folder.script, text)
    rundir.write(folder.draft, json.dumps(record, indent=1, default=str) + "\n")
    if watcher:
        watch.renew(str(folder.path), 0)
        watcher.say("job", name, folder.path)  # before: mrbench may be killed while sbatch runs
    try:
        number, cluster = client.submit(folder.script)
    except BaseException as exc:  # no answer, or a Ctrl-C: the job may be there all the same
        if not isinstance(exc, client.Refused):
            with contextlib.suppress(MrbenchError):
                client.cancel_named(name)
        if watcher:
            watcher.say(
                "over", name
            )  # unrenewed, its lease ends it where it could not be cancelled
        raise
    submitted = {
        "job": number,
        "cluster": cluster or None,
        "name": name,
        "submitted": now(),
        "script_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "detached": watcher is None,
        "scratch": str(own),
    }
    rundir.write(folder.submission, json.dumps(submitted, indent=1) + "\n")


def _order(plan: Plan, wishes: Wishes, folder: Path, name: str) -> script.Order:
    run = RunDir(folder)
    return script.Order(
        name=name,
        comment=f"{plan.suite}/{plan.implementation}, by mrbench {__version__}",
        output=str(run.output),
        command=(sys.executable, "-m", "mrbench.run.slurm.node", str(folder)),
        nodes=plan.nodes,
        gpus_per_node=plan.gpus // plan.nodes if plan.accelerator == "gpu" else 0,
        wall_clock_limit_s=plan.wall_clock_limit_s,
        time_limit=wishes.time_limit,
        partition=wishes.partition,
        account=wishes.account,
        constraint=wishes.constraint,
    )


def dry_script(plan: Plan, places: Places, wishes: Wishes) -> str:
    """Return the script that a run of the plan would submit."""
    if wishes.time_limit is not None:
        script.check_time(wishes.time_limit)
    folder = places.runs.resolve() / run_folder_name(plan, "TIME")
    return script.render(_order(plan, wishes, folder, f"mrbench-{plan.implementation}-RUN"))


def sweep(parent: Path) -> None:
    """Remove the folders of runs that have their record, or are gone."""
    for owner in parent.glob(f"*/{OWNED_BY}"):
        with contextlib.suppress(OSError):
            run = Path(owner.read_text().rstrip("\n"))
            if (run / "record.json").exists() or not run.exists():
                shutil.rmtree(owner.parent, ignore_errors=True)
