"""Rules about the machine while it trained: nobody else on it, nothing that slowed it."""

from collections.abc import Iterator

from msgspec import UNSET

from mrbench.model.record import RuleOutcome, RunRecord
from mrbench.model.suite import Rule
from mrbench.model.telemetry import CpuLoad, HostSummary, TelemetrySummary
from mrbench.record.default_rules import MACHINE_RULES
from mrbench.text import counted

POWER_CAP = "power cap"  # at full load every GPU runs into it; that is how it is built
MOST_LOST = 0.05  # of the usable processors; a quiet machine's own services take less
FULL = 0.9  # of the usable processors: then whatever others take is missing to the training
LOWEST_CLOCK = 0.5  # of the highest: on all cores it is lower than on one, but hardly by that much
LEAST_SAMPLES = 3
SHORTEST_S = 2.0  # of a window: telemetry takes a sample a second
Answer = tuple[RuleOutcome, str]


def foreign_load(record: RunRecord, rule: Rule) -> Answer:
    """Ask which share of the training's processors others took: programs, and the hypervisor."""
    most = MOST_LOST if rule.at_most is None else rule.at_most
    hosts = list(_hosts(record.telemetry))
    known = [(host, host.cpu_load) for host in hosts if host.cpu_load]
    if not known:
        if hosts and rule.otherwise == "note" and (short := _too_short(record)):
            return "failed", short
        return "not checked", f"the load by other programs is unknown ({_lack(record)})"
    host, load = max(known, key=lambda pair: pair[1].lost_share)
    where = f"on {host.name} " if len(hosts) > 1 else ""
    text = f"{where}{_lost(load)}"
    if load.lost_share > most:
        busy = load.training_cores + load.others_cores + (load.stolen_cores or 0.0)
        would = "would" if busy > FULL * load.usable_cores else "may"
        return "failed", f"{text}: it {would} be faster on a quiet machine"
    if len(known) < len(hosts):
        return "not checked", f"{text}; of {len(hosts) - len(known)} nodes the load is unknown"
    return "ok", text


def _too_short(record: RunRecord) -> str:
    """Say that the window is too short for telemetry to see who used the processors; or nothing."""
    seconds = record.telemetry.span_s if record.telemetry else None
    if seconds is None or seconds >= SHORTEST_S:
        return ""
    return f"the window of {seconds:.1f} s is too short to see other programs: choose a longer one"


def cpu_throttling(record: RunRecord, rule: Rule) -> Answer:
    """Ask for which share of the window a quota, heat or a low clock slowed the processors."""
    most = MOST_LOST if rule.at_most is None else rule.at_most
    least = LOWEST_CLOCK if rule.at_least is None else rule.at_least
    known = [host.cpu_limits for host in _hosts(record.telemetry) if host.cpu_limits]
    slowed, unknown = [], []
    for limits in known:
        held, heat, clock = limits.throttled_share, limits.heat_share, limits.clock_share
        if held is not None and held > most:
            quota = f"the quota of {limits.quota_cores or 0:g} cores"
            slowed.append(f"{quota} stopped it in {held:.0%} of the scheduler's periods")
        if heat is not None and heat > most:
            slowed.append(f"heat slowed the CPUs for {heat:.0%} of the window")
        if clock is not None and clock < least:
            slowed.append(f"the fastest CPU ran at {clock:.0%} of its highest clock")
        unknown += [n for n, v in (("heat", heat), ("clocks", clock)) if v is None]
    if slowed:
        return "failed", f"the CPUs were slowed: {'; '.join(dict.fromkeys(slowed))}"
    if unknown or not known:
        what = " and ".join(dict.fromkeys(unknown)) or "quota, heat and clocks"
        return "not checked", f"{what} of the CPUs are not reported here"
    return "ok", "neither quota, heat nor a low clock slowed the CPUs"


def memory_pressure(record: RunRecord, rule: Rule) -> Answer:
    """Ask for which share of the window a process waited for memory."""
    most = MOST_LOST if rule.at_most is None else rule.at_most
    limits = [host.cpu_limits for host in _hosts(record.telemetry)]
    shares = [at.memory_stalled_share if at else None for at in limits]
    known = [share for share in shares if share is not None]
    if known and max(known) > most:
        return "failed", f"for {max(known):.0%} of the window processes waited for memory"
    if not known or len(known) < len(shares):
        return "not checked", "how long processes waited for memory is not reported here"
    return "ok", "no process waited for memory for long"


def slowed_by(record: RunRecord) -> dict[str, str]:
    """Return what broke the rules about the machine, in words by the rule's name.

    Older records, which have no rule on foreign load, are asked for what their telemetry counted.
    """
    findings = record.validity.findings if record.validity else ()
    known = [f for f in findings if f.rule in MACHINE_RULES]
    broken = {f.rule: f.text for f in known if f.outcome == "failed"}
    if not any(host.cpu_load for host in _hosts(record.telemetry)):
        broken.pop("foreign_load", None)  # a window in which nobody could be seen
    if all(f.rule != "foreign_load" for f in known) and (text := _older_load(record.telemetry)):
        broken["foreign_load"] = text
    return broken


def _older_load(telemetry: TelemetrySummary | None) -> str:
    """Return what older telemetry says of other programs, if that is much; else nothing.

    mrbench itself counts as one of them there, which is little in a window of some samples.
    """
    if telemetry is None or telemetry.samples < LEAST_SAMPLES:
        return ""
    for host in _hosts(telemetry):
        others = host.cpu_others_cores or 0.0
        if others > MOST_LOST * host.processors:
            return f"other programs took {others:.2f} of {counted(host.processors, 'core')}"
    return ""


def _lost(load: CpuLoad) -> str:
    """Return `other programs took 1.16 of 2 cores`, and what the hypervisor withheld."""
    stolen = load.stolen_cores or 0.0
    text = f"other programs took {load.others_cores:.2f} of {counted(load.usable_cores, 'core')}"
    return f"{text}, the hypervisor {stolen:.2f}" if f"{stolen:.2f}" != "0.00" else text


def _hosts(telemetry: TelemetrySummary | None) -> Iterator[HostSummary]:
    """Yield the run's machines, the first one first."""
    if telemetry and telemetry.host:
        yield telemetry.host
        for node in telemetry.other_nodes or ():
            yield node.host


def _lack(record: RunRecord) -> str:
    telemetry = record.telemetry
    return "; ".join(telemetry.problems if telemetry else ()) or "there is no telemetry of it"


def alone(record: RunRecord, _rule: Rule) -> Answer:
    """Ask whether the training's GPUs served it alone, as seen before it and in the window."""
    if record.plan.accelerator != "gpu":
        return "ok", "no GPU is needed"
    telemetry, lack = _watched(record)
    if telemetry is None:
        return "not checked", lack
    foreign = telemetry.foreign
    if foreign is None or foreign is UNSET:
        return "not checked", "which processes were on the GPUs could not be told"
    if foreign:
        return "failed", f"other programs were on its GPUs: {'; '.join(foreign)}"
    return "ok", "no other program was seen on its GPUs"


def throttling(record: RunRecord, rule: Rule) -> Answer:
    """Ask for which share of the window heat, power brake or hardware slowed a GPU."""
    if record.plan.accelerator != "gpu":
        return "ok", "no GPU is needed"
    telemetry, lack = _watched(record)
    if telemetry is None:
        return "not checked", lack
    most = rule.at_most or 0.0
    slowed = [
        f"GPU {gpu.index} by {reason} for {share:.0%} of the window"
        for gpu in telemetry.gpus or ()
        for reason, share in (gpu.slowed_share or {}).items()
        if reason != POWER_CAP and share > most
    ]
    if slowed:
        return "failed", f"GPUs were slowed: {'; '.join(slowed)}"
    unknown = [str(gpu.index) for gpu in telemetry.gpus or () if gpu.slowed_share is None]
    if unknown:
        return "not checked", f"whether GPU {', '.join(unknown)} was slowed could not be told"
    return "ok", "no GPU was slowed in the window"


def _watched(record: RunRecord) -> tuple[TelemetrySummary | None, str]:
    telemetry = record.telemetry
    if telemetry and telemetry.gpus:
        return telemetry, ""
    why = "; ".join(telemetry.problems if telemetry else ()) or "there is no telemetry"
    return None, f"the GPUs could not be looked at while it trained ({why})"
