"""Whether a run's number counts: the suite's rules, held against the run's record.

A rule is data in suite.yaml; what it looks at is a function of this package, by its name in CHECKS.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mrbench.model.suite import Rule
from mrbench.record.validity import machine, training, workload
from mrbench.record.validity.base import Check, Finding, Validity, Verdict

CHECKS: Mapping[str, Check] = {
    "images_per_iteration": workload.images_per_iteration,
    "gpus": workload.gpus,
    "precision": workload.precision,
    "image_size": workload.image_size,
    "window": training.window,
    "loss": training.loss,
    "single_process": training.single_process,
    "clocks": training.clocks,
    "alone": machine.alone,
    "throttling": machine.throttling,
}


def judge_record(record: Mapping[str, Any], rules: Sequence[Rule]) -> Validity:
    """Hold a record with a number against the rules; one without is invalid by its status.

    A suite without rules leaves nothing to be broken: then only the measurement's doubts are notes.
    """
    if record["status"] != "ok":
        return Validity(verdict="invalid", why=f"{record['status']}: {record.get('reason') or ''}")
    findings = tuple(_find(record, rule) for rule in rules)
    broken = [f for f in findings if f.outcome == "broken"]
    invalid = [f for f in broken if f.otherwise == "invalid"]
    if invalid:
        why = "; ".join(f.text for f in invalid)
        return Validity(verdict="invalid", why=why, findings=findings)
    warnings = (record.get("measurement") or {}).get("warnings") or ()
    forced = [f"{text} (forced)" for text in record.get("forced") or ()]
    notes = tuple(dict.fromkeys([*forced, *warnings, *(f.text for f in broken)]))
    verdict: Verdict = "valid with notes" if notes else "valid"
    return Validity(verdict=verdict, notes=notes, findings=findings)


def _find(record: Mapping[str, Any], rule: Rule) -> Finding:
    outcome, text = CHECKS[rule.rule](record, rule)
    return Finding(
        rule=rule.rule, outcome=outcome, text=text, reason=rule.reason, otherwise=rule.otherwise
    )
