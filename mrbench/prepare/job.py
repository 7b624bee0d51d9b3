"""Make a plan real up to the launch: checkout, environment, data, links, and the job."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from mrbench.files import read_regular, real_path
from mrbench.model.inputs import as_source
from mrbench.model.job import EnvironmentRequest, Job, PreparedRun, Workspace
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.prepare import run_copy, weights
from mrbench.prepare import source as workspace
from mrbench.prepare.data import converted, drawn
from mrbench.prepare.inherited import STARTERS
from mrbench.prepare.mirror import base as mirrored
from mrbench.prepare.step import activated, beside
from mrbench.prepare.surroundings import Surroundings
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.plan import hidden_variables
from mrbench.text import fill_placeholders

EVALUATED = ("val", "test", "dev")  # in names of annotations that nothing is trained with
MOST_ANNOTATIONS_BYTES = 16 << 20  # of some 4,000 images: where there are more it does not matter


class _Annotations(msgspec.Struct):
    images: list[msgspec.Raw]


Progress = Callable[[str], None]


def data_folder(plan: Plan, places: Places) -> Path | None:
    """Return the data folder: the synthetic one where the recipe asks for it, else the user's."""
    if plan.data is not None and plan.data.synthetic is not None:
        return drawn.folder(plan.data.synthetic)
    return places.data


def prepare(  # noqa: PLR0917 - the pipeline's parts, each used once
    plan: Plan,
    file: RecipeFile,
    places: Places,
    folder: Path,
    progress: Progress,
    surroundings: Surroundings,
) -> PreparedRun:
    """Make everything up to the launch; `folder`, the run's own, gets src/ and output/.

    {port} is left to fill: which one is free is known when and where the training starts.
    """
    base = mirrored.git_base(places.mirror)
    used = tuple(weights.obtain(item, places.weights, progress) for item in plan.weights)
    checkout = workspace.prepare(plan.source, file.patches, base, progress)

    def packages() -> list[Workspace]:
        sources = [as_source(package) for package in plan.environment.packages]
        return [workspace.prepare(source, (), base, progress) for source in sources]

    request = EnvironmentRequest(
        plan.environment,
        checkout.path,
        checkout.tree,
        progress,
        lock=file.lock,
        packages=packages,
        wheels=mirrored.wheels_folder(places.mirror),
        own=plan.own_environment,
        python=places.python,
    )
    ready = surroundings.prepare(request)
    if plan.data is not None and plan.data.synthetic is not None:
        drawn.obtain(plan.data.synthetic, progress)
    progress("copying the checkout, linking data and weights")
    source = run_copy.arrange(ready.template, folder / "src", links_of(plan, places))
    (folder / "output").mkdir(exist_ok=True)
    job = make_job(
        plan, places, ready.python, source, image=ready.image, secrets=hidden_variables(file, plan)
    )
    values = path_values(plan, places, ready.python, source)
    variables = {
        **_activated(plan, places, ready.python, ready.image),
        "PYTHONPATH": str(source),
    }

    def step(
        doing: str, command: Sequence[str], known: Mapping[str, str], of: Job, log: Path
    ) -> None:
        words = tuple(fill_placeholders(word, known) for word in command)
        progress(f"{doing} data: {shlex.join(words)}")
        of = msgspec.structs.replace(of, argv=words, directory=source, variables=variables)
        surroundings.step(of, log, "data")

    def convert(command: Sequence[str], target: Path, log: Path) -> None:
        writing = msgspec.structs.replace(job, writable=(*job.writable, target))
        step("converting", command, {**values, "converted": str(target)}, writing, log)

    made = None
    if plan.data is not None and plan.data.converted is not None:
        data = data_folder(plan, places)
        made = converted.obtain(
            plan.data.converted,
            real_path(data) if data else None,
            plan.data.needs,
            decided_by=(checkout.tree, ready.digest),
            convert=convert,
            progress=progress,
        )
        values["converted"] = str(made.path)
        job = filled(job, values)
        job = msgspec.structs.replace(job, read_only=(*job.read_only, made.path))
    for command in plan.data.prepare if plan.data else ():
        step("preparing", command, values, job, folder / "data.log")
    return PreparedRun(
        workspace=checkout,
        environment=ready,
        folder=folder,
        job=job,
        weights=used,
        data_images=_images(plan, places),
        converted=made,
    )


def _images(plan: Plan, places: Places) -> int | None:
    """Return how many images a small data set has: its size matters where it is small only."""
    if plan.data is None:
        return None
    if plan.data.synthetic:
        return plan.data.synthetic.images
    folder = places.data
    listed = [need for need in plan.data.needs if need.endswith(".json")]
    others = [need for need in listed if not any(word in need.lower() for word in EVALUATED)]
    trained = [need for need in listed if "train" in need] or others
    if folder is None or not trained:
        return None
    total = 0
    for need in trained:
        try:
            if (folder / need).stat().st_size > MOST_ANNOTATIONS_BYTES:
                return None
            raw = read_regular(folder / need, MOST_ANNOTATIONS_BYTES)
            total += len(msgspec.json.decode(raw, type=_Annotations).images)
        except (OSError, msgspec.DecodeError):  # none of COCO's
            return None
    return total or None


def make_job(
    plan: Plan,
    places: Places,
    python: Path,
    source: Path,
    *,
    image: str | None = None,
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> Job:
    """Fill in this machine's paths; nothing but the port is left to fill afterwards.

    secrets: the variables whose values the plan hides; without them they stay hidden.
    """
    values = path_values(plan, places, python, source)
    words = tuple(fill_placeholders(word, values) for word in plan.command)
    argv = ("/bin/bash", "-c", " ".join(words)) if plan.shell else words
    return Job(
        argv=argv,
        directory=source / plan.directory,
        variables=_activated(plan, places, python, image)
        | {
            name: fill_placeholders(text, values)
            for name, text in {**plan.variables, **secrets}.items()
        },
        terminal=plan.terminal,
        wall_clock_limit_s=plan.wall_clock_limit_s,
        stall_limit_s=plan.stall_limit_s,
        gpus=plan.gpus if plan.accelerator == "gpu" else 0,
        image=image,
        read_only=_read_only(plan, places),
        writable=(source.parent,),
        inherit=plan.inherit + (STARTERS if plan.nodes > 1 and not plan.on_each_node else ()),
    )


def with_port(job: Job) -> Job:
    """Fill in a port that is free on this machine now, if the job asks for one."""
    if not any("{port}" in text for text in (*job.argv, *job.variables.values())):
        return job
    return filled(job, {"port": free_port()})


def free_port() -> str:
    """Return a TCP port that is free on this machine now."""
    import socket  # noqa: PLC0415 - few recipes need a port

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def filled(job: Job, values: Mapping[str, str]) -> Job:
    """Fill in more of the placeholders in the job's command and variables."""
    return msgspec.structs.replace(
        job,
        argv=tuple(fill_placeholders(word, values) for word in job.argv),
        variables={name: fill_placeholders(text, values) for name, text in job.variables.items()},
    )


def _activated(plan: Plan, places: Places, python: Path, image: str | None) -> dict[str, str]:
    """Return what activates the environment; an image does so by itself."""
    if image is not None:
        return {}
    if plan.own_environment or places.python:
        return beside(python)
    return activated(python.parent.parent) if plan.environment.kind == "venv" else {}


def _read_only(plan: Plan, places: Places) -> tuple[Path, ...]:
    """Return the folders and files that are read: data, weights, and where links of both lead."""
    data = data_folder(plan, places)
    paths = [target for _, target in links_of(plan, places)]
    if plan.data is not None and data is not None:
        paths += [data, *(data / need for need in plan.data.needs)]
    if plan.weights:
        paths.append(weights.folder(places.weights))
    real = sorted({real_path(path) for path in paths if path.exists()})
    return tuple(p for p in real if not any(other in p.parents for other in real))


def path_values(plan: Plan, places: Places, python: Path, source: Path) -> dict[str, str]:
    """Return this machine's value for each placeholder that is a path."""
    data = data_folder(plan, places)
    return {
        "python": str(python),
        "checkout": str(source),
        "output": str(source.parent / "output"),
        "data": str(real_path(data)) if data else "{data}",
        "weights": str(real_path(weights.folder(places.weights))),
    }


def links_of(plan: Plan, places: Places) -> list[tuple[str, Path]]:
    """Return the links that a run's copy gets: path in the copy, and target."""
    links: list[tuple[str, Path]] = []
    data = data_folder(plan, places)
    if plan.data is not None and data is not None:
        links += [(name, data / target) for name, target in plan.data.links.items()]
    stored = weights.folder(places.weights)
    links += [(item.link, stored / item.file) for item in plan.weights if item.link]
    return links
