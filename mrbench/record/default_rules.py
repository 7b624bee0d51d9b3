"""Rules that hold for the runs of every suite, unless it has its own of that name."""

from mrbench.model.recipe import Recipe
from mrbench.model.suite import Rule, Suite
from mrbench.model.work import OLD_NAMES

# The rules about the machine: what breaks one stands in the run's last line.
MACHINE_RULES: tuple[str, ...] = (
    "alone",
    "throttling",
    "foreign_load",
    "cpu_throttling",
    "memory_pressure",
)
DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(
        rule="foreign_load",
        reason="Other programs take processor time that the training would have used.",
        otherwise="note",
    ),
    Rule(
        rule="foreign_load",
        reason="Beside so much load the number tells more of the other programs than of this one.",
        at_most=0.20,
    ),
    Rule(
        rule="cpu_throttling",
        reason="CPUs that a quota, heat or a low clock slows make a number of their own.",
        otherwise="note",
    ),
    Rule(
        rule="memory_pressure",
        reason="A machine short of memory waits for its disk instead of computing.",
        otherwise="note",
    ),
    Rule(
        rule="batch_confirmed",
        reason="Throughput is work over seconds; a batch that is only said may be another.",
        otherwise="note",
    ),
    Rule(
        rule="whole_batches",
        reason="Smaller batches at the ends of epochs have less work than is counted.",
        at_most=0.01,
        otherwise="note",
    ),
    Rule(
        rule="whole_batches",
        reason="The number counts work that was not there.",
        at_most=0.01,
    ),
    Rule(
        rule="mfu",
        reason="A GPU cannot do more than its peak: the operations, the unit or the rate is wrong.",
        at_most=1.0,
    ),
)
OF_GPUS: tuple[Rule, ...] = (
    Rule(
        rule="alone",
        reason="Another program takes memory, time and power from the GPUs.",
        otherwise="note",
    ),
    Rule(
        rule="throttling",
        reason="A GPU that heat or power failure slows down measures the machine's cooling.",
        otherwise="note",
    ),
)
_OF_BATCH = ("per_device", "work_per_iteration")
BATCH = tuple(
    f"{{{name}}}" for name in (*_OF_BATCH, *(n for n, new in OLD_NAMES.items() if new in _OF_BATCH))
)


def default_rules(
    suite: Suite,
    *,
    batch_told: bool = True,
    whole_batches: bool = False,
    states_flops: bool = False,
) -> tuple[Rule, ...]:
    """Return the rules that hold for a suite's runs beside its own.

    batch_told: whether the training is told the plan's batch, as tells_batch says. whole_batches:
    whether the recipe says that none is smaller. states_flops: whether it states flops_per_unit.
    """
    sure = {
        "batch_confirmed": batch_told,
        "whole_batches": whole_batches,
        "mfu": not states_flops,  # nothing to ask
    }
    of_suite = {rule.rule for rule in suite.rules} - {"mfu"}  # no suite makes that possible
    without = of_suite | {name for name in sure if sure[name]}
    rules = (*DEFAULT_RULES, *(OF_GPUS if suite.hardware.accelerator == "gpu" else ()))
    return tuple(rule for rule in rules if rule.rule not in without)


def tells_batch(recipe: Recipe) -> bool:
    """Tell whether the launch sets the batch, so that it is more than the recipe's word."""
    launch = recipe.launch
    texts = (*launch.command, *launch.variables.values(), *recipe.other_gpus.arguments)
    return any(name in text for text in texts for name in BATCH)
