"""Rules on what was trained: batch, GPUs, precision and image size, as the log states them."""

from mrbench.model.suite import Rule
from mrbench.record.validity.base import Outcome, Record, equal


def _stated(record: Record, name: str) -> tuple[str | None, str]:
    fact = (record.get("stated") or {}).get(name)
    return (None, "") if fact is None else (str(fact["value"]), f"line {fact['line']}")


def images_per_iteration(record: Record, _rule: Rule) -> tuple[Outcome, str]:
    """Compare images per iteration, or per GPU where the log states those."""
    plan = record["plan"]
    stated, where = _stated(record, "images_per_iteration")
    if stated is not None:
        return equal("images per iteration", stated, plan["images_per_iteration"], where)
    stated, where = _stated(record, "images_per_gpu")
    return equal("images per GPU", stated, plan["images_per_gpu"], where)


def gpus(record: Record, _rule: Rule) -> tuple[Outcome, str]:
    """Compare GPUs: those on which the training was seen, else what the log states."""
    plan = record["plan"]
    stated, where = _stated(record, "gpus")
    if plan["accelerator"] == "gpu":
        seen = (record.get("telemetry") or {}).get("gpus_in_use")
        if seen is not None and seen != plan["gpus"]:
            return "broken", f"GPUs: the training was seen on {seen}, {plan['gpus']} by the plan"
        if seen is not None and stated is None:
            return "held", f"GPUs: the training was seen on {seen}"
    what = "GPUs" if plan["accelerator"] == "gpu" else "devices"
    return equal(what, stated, plan["gpus"], where)


def precision(record: Record, _rule: Rule) -> tuple[Outcome, str]:
    """Compare the precision of the arithmetic."""
    stated, where = _stated(record, "precision")
    return equal("precision", stated, record["plan"]["precision"], where)


def image_size(record: Record, _rule: Rule) -> tuple[Outcome, str]:
    """Compare the images' sides."""
    stated, where = _stated(record, "image_size")
    return equal("image size", stated, record["plan"].get("image_size"), where)
