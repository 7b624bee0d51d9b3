"""A recipe and the command line, resolved purely into everything that a run will do."""

import hashlib
from pathlib import Path

import msgspec

from mrbench.errors import RecipeError
from mrbench.measure.log.stated import check_patterns
from mrbench.measure.metrics import check_metrics
from mrbench.measure.mfu.formula import worked_out
from mrbench.measure.parsers import resolve_format
from mrbench.model.inputs import Source, Substitution, Window
from mrbench.model.logformat import LogFormat
from mrbench.model.mfu import Flops
from mrbench.model.plan import FORMAT, Plan
from mrbench.model.recipe import MultiNode, OtherGpus
from mrbench.model.work import OLD_NAMES
from mrbench.model.workload import Workload
from mrbench.recipe import lockfile
from mrbench.recipe.load import RecipeFile
from mrbench.text import fill_placeholders, shown


def make_plan(
    file: RecipeFile,
    *,
    gpus: int | None = None,
    window: Window | None = None,
    commit: str | None = None,
    nodes: int = 1,
    image: str | None = None,
    inherit: tuple[str, ...] = (),
) -> Plan:
    """Resolve a recipe; RecipeError if the implementation cannot do what is asked.

    gpus: of one node; the plan counts those of all nodes. image: the container to train in.
    inherit: variables of the caller's that the training gets, beyond those of the recipe.
    """
    recipe, suite = file.recipe, file.suite
    gpus_per_node = suite.hardware.count if gpus is None else gpus
    count = gpus_per_node * nodes
    resized = count != suite.hardware.count
    _check_gpus(file, count)
    multi_node = _multi_node(file) if nodes > 1 else None
    if resized:
        _check_consumed(file, count, nodes)
    _check_end(file, window or suite.window)
    check_lock(file)
    work = recipe.workload
    told = bool(resized and recipe.other_gpus.arguments)
    per_iteration = work.work_per_iteration(count, resized=told)
    rate = work.learning_rate_per_image
    learning_rate = None if rate is None else rate * per_iteration
    values = _values(count, nodes, work, per_iteration, learning_rate)
    launch = recipe.launch
    command = (multi_node or launch).command + (recipe.other_gpus.arguments if resized else ())
    return Plan(
        format=FORMAT,
        suite=file.suite_name,
        implementation=file.name,
        title=recipe.title,
        framework=recipe.framework,
        pinned=commit in (None, recipe.source.commit),
        source=_source(file, recipe.other_gpus if resized else None, commit, values),
        patch_sha256={n: hashlib.sha256(raw).hexdigest() for n, raw in file.patches},
        adaptation=recipe.adaptation,
        environment=msgspec.structs.replace(
            recipe.environment, image=image or recipe.environment.image
        ),
        lock_sha256=None if file.lock is None else hashlib.sha256(file.lock).hexdigest(),
        data=recipe.data,
        weights=recipe.weights,
        starts_from=recipe.starts_from,
        directory=launch.directory,
        command=tuple(fill_placeholders(word, values) for word in command),
        variables={n: shown(n, fill_placeholders(v, values)) for n, v in launch.variables.items()},
        shell=launch.shell,
        terminal=launch.terminal,
        accelerator=suite.hardware.accelerator,
        gpus=count,
        unit=work.unit,
        per_device=work.per_device,
        sequence_length=work.sequence_length,
        accumulation=work.accumulation,
        iteration=work.iteration,
        work_per_iteration=per_iteration,
        learning_rate=learning_rate,
        precision=work.precision,
        image_size=work.image_size,
        window=window or suite.window,
        log=_resolved_log(file),
        stop=recipe.guards.stop,
        wall_clock_limit_s=launch.wall_clock_limit_s,
        stall_limit_s=launch.stall_limit_s,
        nodes=nodes,
        on_each_node=multi_node is not None and multi_node.start == "each_node",
        inherit=tuple(dict.fromkeys((*launch.inherit, *inherit))),
        flops=_flops(file),
        parameters=file.parameters,
    )


def hidden_variables(file: RecipeFile, plan: Plan) -> dict[str, str]:
    """Return the variables whose values the plan hides, as the training is to be given them."""
    values = _values(plan.gpus, plan.nodes, plan, plan.work_per_iteration, plan.learning_rate)
    whole = {n: fill_placeholders(v, values) for n, v in file.recipe.launch.variables.items()}
    return {n: v for n, v in whole.items() if plan.variables.get(n) != v}


def _values(
    gpus: int, nodes: int, work: Workload | Plan, per_iteration: int, learning_rate: float | None
) -> dict[str, str]:
    values = {
        "gpus": str(gpus),
        "nodes": str(nodes),
        "gpus_per_node": str(gpus // nodes),
        "per_device": str(work.per_device),
        "work_per_iteration": str(per_iteration),
        "sequence_length": "" if work.sequence_length is None else str(work.sequence_length),
        "accumulation": str(work.accumulation),
        "learning_rate": "" if learning_rate is None else f"{learning_rate:g}",
    }
    return values | {old: values[new] for old, new in OLD_NAMES.items() if new in values}


def parse_window(text: str) -> Window:
    """Read A:B, the iterations A+1 .. B; RecipeError if it is not that."""
    first, colon, last = text.partition(":")
    if colon and first.isdecimal() and last.isdecimal() and int(first) < int(last):
        return Window(first=int(first), last=int(last))
    raise RecipeError(f"--window {text!r} is not a window", "give A:B with A < B, as 100:500")


def run_folder_name(plan: Plan, stamp: str) -> Path:
    """Return <suite>/<implementation>/<UTC time>-<digest8>, relative to the folder of runs."""
    return Path(plan.suite) / plan.implementation / f"{stamp}-{plan.digest[:8]}"


def check_lock(file: RecipeFile) -> None:
    """Refuse a lock that does not hold what its recipe asks for, or more than pinned packages."""
    env = file.recipe.environment
    fault = lockfile.fault(env, file.lock) if file.lock else None
    if fault is None:
        return
    if fault.line is None:
        raise file.place.error("environment.lock", f"{env.lock} {fault.text}", fault.remedy)
    lock = Path(file.place.file).parent / str(env.lock)
    raise RecipeError(fault.text, fault.remedy, file=lock, line=fault.line)


def _multi_node(file: RecipeFile) -> MultiNode:
    multi_node = file.recipe.launch.multi_node
    if multi_node is None or file.recipe.launch.shell:
        raise RecipeError(
            f"{file.name} cannot train over several nodes, as far as its recipe says"
            " (launch.multi_node)",
            "leave --nodes out, or this implementation with --impl",
        )
    return multi_node


def _check_gpus(file: RecipeFile, count: int) -> None:
    rule = file.recipe.other_gpus
    if count < 1:
        raise RecipeError(f"--gpus {count} is none", "give at least 1")
    if not rule.allowed and rule.multiples_of is None:
        return
    fits = count in rule.allowed or (rule.multiples_of and count % rule.multiples_of == 0)
    if not fits:
        allowed = ", ".join(str(n) for n in rule.allowed)
        more = f" or a multiple of {rule.multiples_of}" if rule.multiples_of else ""
        text = f"{file.name} cannot train on {count} GPUs, only on {allowed}{more}"
        remedy = "choose such a count with --gpus, or leave this implementation out with --impl"
        raise RecipeError(text, remedy)


def _check_consumed(file: RecipeFile, count: int, nodes: int) -> None:
    """Refuse a number of GPUs that nothing tells the training: twice the images, on one GPU."""
    other = file.recipe.other_gpus
    launch = file.recipe.launch
    command = launch.multi_node.command if nodes > 1 and launch.multi_node else launch.command
    texts = (*command, *launch.variables.values())
    told = ("gpus", "gpus_per_node", *(("nodes", "node_rank") if nodes > 1 else ()))
    if other.arguments or other.substitutions:
        return
    if any(f"{{{name}}}" in text for text in texts for name in told):
        return
    raise RecipeError(
        f"nothing tells {file.name} to train on {count} GPUs: neither launch.command nor"
        " launch.variables has {gpus}, and other_gpus changes nothing",
        "leave --gpus out, or say in the recipe how",
        file=file.place.file,
        line=file.place.line("launch.command"),
    )


def _check_end(file: RecipeFile, window: Window) -> None:
    """Refuse a window that reaches beyond the training's own end."""
    end = file.recipe.launch.iterations
    if end is not None and window.last > end:
        raise RecipeError(
            f"window {window} reaches beyond the end of {file.name}, which trains {end} iterations"
            " (launch.iterations)",
            f"choose one with --window A:B that ends at {end} or before",
        )


def _source(
    file: RecipeFile, other: OtherGpus | None, commit: str | None, values: dict[str, str]
) -> Source:
    """Apply --commit and --gpus; either makes the recipe's tree id meaningless."""
    source = file.recipe.source
    if commit is not None and source.package:
        text = f"{file.name} trains {source.package} of a package index, which has no commits"
        raise RecipeError(text, "leave the commit out, or this implementation with --impl")
    extra: tuple[Substitution, ...] = ()
    if other:
        extra = tuple(
            msgspec.structs.replace(s, replacement=fill_placeholders(s.replacement, values))
            for s in other.substitutions
        )
    other_commit = commit not in (None, source.commit)
    return msgspec.structs.replace(
        source,
        commit=commit or source.commit,
        tree=None if other_commit or extra else source.tree,
        substitutions=source.substitutions + extra,
    )


def _flops(file: RecipeFile) -> Flops | None:
    work = file.recipe.workload
    if work.flops_per_unit is None:
        return None
    try:
        return worked_out(work.flops_per_unit, work.sequence_length)
    except RecipeError as exc:
        key = f"workload.flops_per_unit.{exc.key}"
        raise file.place.error(key, exc.text, exc.remedy) from exc


def _resolved_log(file: RecipeFile) -> LogFormat:
    try:
        check_patterns(file.recipe.log.states)
        check_metrics(file.recipe.log)
        log = resolve_format(file.recipe.log)
    except RecipeError as exc:
        raise file.place.error(exc.key or "log.format", exc.text, exc.remedy) from exc
    if unstated := sorted({*log.means} - {*log.states}):
        text, remedy = f"log.states has no {unstated[0]}", "add it there, or take it out here"
        raise file.place.error(f"log.means.{unstated[0]}", text, remedy)
    return log
