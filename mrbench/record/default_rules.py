"""Rules that hold for the runs of every suite, unless it has its own of that name."""

from mrbench.model.suite import Rule, Suite

# The rules about the machine: what breaks one stands in the run's last line.
MACHINE_RULES: tuple[str, ...] = ("alone", "throttling", "foreign_load")
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
)


def default_rules(suite: Suite) -> tuple[Rule, ...]:
    """Return the rules that hold for a suite's runs beside its own."""
    own = {rule.rule for rule in suite.rules}
    return tuple(rule for rule in DEFAULT_RULES if rule.rule not in own)
