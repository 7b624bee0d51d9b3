"""The first version of somebody's own recipe and suite: from nothing, or from another recipe.

What cannot be known is filled in so that the recipe can be read and planned, and marked as open.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import structs

from mrbench.errors import PlaceholderError, RecipeError
from mrbench.measure.proposal import ANY_STEPS, LAST, Proposal, fitting_window
from mrbench.model.inputs import OWN_PYTHON, Environment, Source
from mrbench.model.recipe import Guards, Launch, Recipe
from mrbench.model.suite import Accelerator, Hardware, Rule, Suite
from mrbench.model.work import Unit
from mrbench.model.workload import PartlyKnown, Workload
from mrbench.recipe import load
from mrbench.recipe.commented import as_yaml
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.yamlfile import TODO
from mrbench.text import PLACEHOLDER, PLACEHOLDERS, did_you_mean, without_secrets

NO_URL, NO_COMMIT = "https://github.com/OWNER/NAME", "0" * 40
PYTHONS = ("python", "python3")
RULES = (
    Rule(
        rule="work_per_iteration",
        reason="Throughput is work over seconds; another batch is another workload.",
    ),
    Rule(rule="gpus", reason="The log must tell of as many devices as the plan."),
    Rule(rule="precision", reason="Half precision and TF32 are faster, and another benchmark."),
    Rule(
        rule="window",
        at_least=1.0,
        reason="Iterations that no line tells of may have been the slow ones.",
        otherwise="note",
    ),
    Rule(
        rule="loss",
        at_most=3.0,
        reason="A training that diverges may do other work than one that learns.",
        otherwise="note",
    ),
    Rule(
        rule="single_process",
        reason="A resumed run skips the warm-up, and a restarted one hides what made it restart.",
    ),
    Rule(
        rule="clocks",
        at_most=0.01,
        reason="Where two clocks differ, one of them leaves something out that a user waits for.",
        otherwise="note",
    ),
)
OPEN: Mapping[str, str] = {
    "framework": "name the framework, e.g. PyTorch; tables show it.",
    "source.url": "name the repository: an https, ssh or file URL.",
    "source.commit": "name the commit: all 40 hex digits, as `git rev-parse HEAD` prints them.",
    "workload.per_device": "give the UNIT of one batch on one GPU."
    " Write {per_device} where the command takes that number, so that the two cannot differ.",
    "workload.sequence_length": "give the tokens of one sequence, and write {sequence_length} where"
    " the command takes that number. Remove this key if per_device is in tokens.",
    "workload.accumulation": "give the batches whose gradients are added up for one optimizer step,"
    " 1 if there is no such thing; {accumulation} in the command.",
    "launch.command": "check the command that trains. Filled in: {python}, {checkout}, {output} (a"
    " fresh folder), {data}, {weights}, {gpus}, {per_device}, {sequence_length}, {accumulation},"
    " {port}.",
    "log.every": "give the iterations of one epoch, or from one line to the next (logging_steps);"
    " the log does not state them.",
    "guards.evaluation": "say what keeps the training from evaluating inside the window.",
    "guards.checkpoint": "say what keeps the training from saving inside the window.",
}
# They enter the number: without them there is none, and no recipe that can be run.
COUNTED = (
    "workload.per_device",
    "workload.sequence_length",
    "workload.accumulation",
    "log.every",
)
REMARKS: Mapping[str, str] = {
    "source": "Code to train: mrbench checks out this commit and never touches your working tree.",
    "environment": "Python interpreter and libraries to train with.",
    "environment.kind": "current: the environment that runs mrbench, as it is.",
    "log.clock": "Clock that leads. arrival: mrbench times the lines as they arrive. log: the log's"
    " own numbers.",
    "guards.stop": "How the training ends once the window is complete. mrbench ends it by itself.",
}
MORE: Mapping[str, str] = {
    "environment": f"""\
To pin the packages and let mrbench install them, put this in place of the line above, and let
`mrbench lock --recipe NAME.yaml` write the lock:
  kind: venv
  python: "{OWN_PYTHON}"
  requirements: [torch==2.8.0, numpy==2.3.2]
  lock: NAME.lock""",
    "launch": """\
Often needed as well:
  variables: {OMP_NUM_THREADS: 2}  # environment variables of the training
  iterations: 1000                 # where it ends by itself
  directory: tools                 # where the command runs, within the repository
For a dataset folder (mrbench run --data DIR): write {data} in the command, and
data:
  layout: COCO 2017
  needs: [train2017]""",
}
HEAD = """\
# What mrbench needs to know to train and measure {name}. `mrbench schema` prints all keys for your
# editor. After a change: mrbench run --recipe {name}.yaml --dry-run

"""
SUITE_HEAD = """\
# What makes the recipes in this folder comparable, and their runs valid.

"""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an implementation beforehand; None is unknown.

    origin: where the repository was cloned from. sure: the command was given, and is no guess.
    work: what was said of it. found: how its log is parsed.
    accelerator and machine: what this machine would train on, and its name.
    """

    name: str
    url: str | None = None
    commit: str | None = None
    origin: str | None = None
    command: tuple[str, ...] | None = None
    sure: bool = False
    work: PartlyKnown = PartlyKnown()
    found: Proposal | None = None
    accelerator: Accelerator = "cpu"
    machine: str = "any CPU"

    @property
    def unit(self) -> Unit | None:
        """Return the unit of the work, as the log has it or it was said; None: neither."""
        return self.found.unit if self.found else self.work.unit


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe and its suite, as text with comments.

    open_keys: what somebody must fill in, by dotted keys; blank: those of them whose values are
    stand-ins of one line, which are to be taken out. dropped: what was not taken along of another
    recipe, and what to do about it.
    """

    recipe: str
    suite: str
    open_keys: tuple[str, ...]
    blank: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def without_values(recipe: str, lines: Iterable[int]) -> str:
    """Return a recipe with TODO for the values on these lines, so that nothing reads it before."""
    texts = recipe.splitlines(keepends=True)
    for line in lines:
        texts[line - 1] = f"{texts[line - 1].partition(':')[0]}: {TODO}\n"
    return "".join(texts)


def from_nothing(facts: Facts) -> Draft:
    """Return a recipe of what is known."""
    unit = facts.unit or "images"
    blank = _blank(facts, facts.work.unknown(unit))
    known = {
        "source.url": facts.url,
        "source.commit": facts.commit,
        "launch.command": facts.sure or None,
        **{key: True for key in COUNTED if key not in blank},
    }
    open_keys = {
        key: text.replace("UNIT", "sequences" if unit == "tokens" else unit)
        for key, text in OPEN.items()
        if known.get(key) is None
    }
    recipe = Recipe(
        title=facts.name,
        framework="unknown",
        source=Source(url=facts.url or NO_URL, commit=facts.commit or NO_COMMIT),
        environment=Environment(kind="current"),
        workload=facts.work.workload(unit),
        launch=Launch(command=facts.command or ("{python}", "train.py")),
        log=facts.found.log if facts.found else ANY_STEPS,
        guards=Guards(
            evaluation="not stated yet",
            checkpoint="not stated yet",
            resume="Each run trains in a fresh copy of the commit.",
            stop="mrbench ends it one log line after the window.",
        ),
    )
    suite = Suite(
        title=facts.name,
        model=f"what {facts.name} trains",
        window=facts.found.window if facts.found else fitting_window(LAST, 1),
        hardware=Hardware(accelerator=facts.accelerator, count=1, name=facts.machine),
        order=(facts.name,),
        rules=RULES,
    )
    remarks = dict(REMARKS)
    if unit != "images":
        remarks["workload"] = f"What one iteration is: {unit}, precision."
    if facts.origin:
        remarks["source.url"] = (
            f"Repository to fetch from; on other machines {facts.origin}, once it has the commit."
        )
    more = {key: text.replace("NAME", facts.name) for key, text in MORE.items()}
    text = as_yaml(recipe, remarks=remarks, open_keys=open_keys, more=more)
    return Draft(
        recipe=HEAD.format(name=facts.name) + text,
        suite=SUITE_HEAD + as_yaml(suite, open_keys={"model": "say what all recipes here train."}),
        open_keys=tuple(open_keys),
        blank=blank,
    )


def _blank(facts: Facts, unknown: Sequence[str]) -> tuple[str, ...]:
    """Return the keys that enter the number and have no value; unknown: of the workload."""
    keys = {f"workload.{name}" for name in unknown}
    if facts.found and facts.found.every_open:
        keys.add("log.every")
    return tuple(key for key in COUNTED if key in keys)


def _other_work(work: Workload, facts: Facts) -> tuple[Workload, tuple[str, ...]]:
    """Return another recipe's workload, changed by what is known, and what of it is unknown.

    In another unit its numbers mean nothing; in the same, those that were not given stay.
    """
    unit, said = facts.unit or work.unit, structs.asdict(facts.work)
    if unit != work.unit:
        stated = facts.work.workload(unit)
        changed = {name: getattr(stated, name) for name in said}
        return structs.replace(work, **changed, total=None), facts.work.unknown(unit)
    changed = {name: each for name, each in said.items() if each is not None}
    return structs.replace(work, **changed, total=None) if changed else work, ()


def from_recipe(file: RecipeFile, facts: Facts) -> Draft:
    """Return another recipe without what is true of that one alone, changed by what is known."""
    recipe = file.recipe
    moved = facts.url not in (None, recipe.source.url)
    source = structs.replace(
        recipe.source,
        url=facts.url or recipe.source.url,
        commit=facts.commit or recipe.source.commit,
        tree=None,
        patches=(),
    )
    if moved:
        source = structs.replace(source, package=None, sha256=None, substitutions=(), paths=())
    launch = recipe.launch
    work, unknown = _other_work(recipe.workload, facts)
    blank = _blank(facts, unknown)
    if facts.command:
        launch = structs.replace(launch, command=facts.command, multi_node=None)
    mine = structs.replace(
        recipe,
        title=facts.name,
        source=source,
        environment=structs.replace(recipe.environment, lock=None),
        workload=work,
        launch=launch,
        log=facts.found.log if facts.found else recipe.log,
        adaptation=None,
        parameters={},
        sample=None,
        notes="",
    )
    suite = structs.replace(
        file.suite,
        title=facts.name,
        window=facts.found.window if facts.found else file.suite.window,
        order=(facts.name,),
        references=(),
        notes="",
    )
    head = f"# It began as {file.suite_name}/{file.name}.\n{HEAD.format(name=facts.name)}"
    open_keys = {key: OPEN[key].replace("UNIT", work.unit) for key in blank}
    return Draft(
        recipe=head + as_yaml(mine, remarks={"source": REMARKS["source"]}, open_keys=open_keys),
        suite=SUITE_HEAD + as_yaml(suite),
        open_keys=blank,
        blank=blank,
        dropped=tuple(_dropped(recipe, moved=moved)),
    )


def _dropped(recipe: Recipe, *, moved: bool) -> Iterator[str]:
    source = recipe.source
    if source.tree:
        yield "source.tree: `mrbench prepare --checkout-only` prints that of your source"
    if source.patches:
        names = ", ".join(source.patches)
        yield f"source.patches ({names}): the command may need what they change; copy them if so"
    if moved and (source.substitutions or source.paths):
        yield "source.substitutions and source.paths: they are about the other repository"
    if recipe.environment.lock:
        yield "environment.lock: `mrbench lock` writes one once you name it"
    if recipe.adaptation:
        yield f"adaptation: {recipe.adaptation.reason}"
    if recipe.parameters:
        names = ", ".join(recipe.parameters)
        yield f"parameters ({names}): their defaults stand in their places; declare your own"
    if recipe.sample:
        yield "sample: a log of that recipe; keep one of your own"
    if recipe.notes:
        yield "notes: they are about that implementation"


def find(name: str) -> RecipeFile:
    """Return a recipe that mrbench carries, by suite/name or by its name; RecipeError else."""
    if name.endswith(".yaml"):
        text = f"--from {without_secrets(name)}: is not the name of a recipe that mrbench carries"
        raise RecipeError(text, "to begin with a file of your own, copy it and change the copy")
    suite, slash, short = name.rpartition("/")
    suites = (suite,) if slash else load.suite_names()
    having = [each for each in suites if short in load.implementations(each)]
    if len(having) > 1:
        either = " or ".join(f"{each}/{short}" for each in having)
        raise RecipeError(f"--from {name}: several suites have such a recipe", f"give {either}")
    if slash or having:
        return load.load_named(having[0] if having else suite, short, locked=False)
    known = [f"{each}/{impl}" for each in suites for impl in load.implementations(each)]
    hint = did_you_mean(name, known) or "`mrbench list` prints all"
    raise RecipeError(f"--from {name}: no such recipe", hint)


def command_of(text: str) -> tuple[str, ...]:
    """Return a command's words, the interpreter as {python}. RecipeError if they are none."""
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise RecipeError(
            f"--command {text!r} cannot be taken apart ({exc})", "close quotes"
        ) from exc
    if not words:
        raise RecipeError("--command is empty", "give the command that trains")
    if any(re.fullmatch(r"&&|\|\|?|;|[<>]+", word) for word in words):
        remedy = "put it into a script of the repository, or set launch.shell in the recipe"
        raise RecipeError("--command takes one program, no pipe and no list of commands", remedy)
    for name in PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            hint = did_you_mean(name, PLACEHOLDERS) or f"known: {', '.join(PLACEHOLDERS)}"
            raise PlaceholderError(f"--command: unknown placeholder {{{name}}}", hint)
    return ("{python}", *words[1:]) if words[0] in PYTHONS else tuple(words)
