"""What became of the training's processors: who used them, and what limited them."""

from collections.abc import Callable

from mrbench.launch.telemetry.reading import Span, Telemetry, gauge, rate
from mrbench.model.telemetry import CpuLimits, CpuLoad, LimitsSample, TelemetrySample


def load(telemetry: Telemetry, span: Span) -> CpuLoad | None:
    """Return who used the processors that the training may use; None where a part is unknown.

    A window in which no sample fell is shorter than what the counters resolve. Under a quota only
    what others leave too little for it is lost, or what they use of it within the control group.
    """
    samples, header = telemetry.samples, telemetry.header
    some = any(s.host.usable_busy_s is not None for s in samples)
    busy = _mean(telemetry, span, lambda s: s.host.usable_busy_s if some else s.host.cpu_busy_s)
    stolen = _mean(
        telemetry, span, lambda s: s.host.usable_stolen_s if some else s.host.cpu_stolen_s
    )
    training = _mean(telemetry, span, lambda s: s.tree.cpu_s)
    own = _mean(telemetry, span, lambda s: s.own_cpu_s)
    mrbench = _mean(telemetry, span, lambda s: s.mrbench_cpu_s)
    parts = (busy, training, own, mrbench)
    if None in parts or not any(span.has(s.at_s) for s in samples):
        return None
    busy, training, own, mrbench = (part or 0.0 for part in parts)
    cores = float(len(header.cpus or ()) or header.processors)
    others = max(0.0, busy - training - own - mrbench)
    quota = header.quota_cores
    if quota is not None and quota < cores:
        spare = cores - quota
        stolen = None if stolen is None else max(0.0, stolen - max(0.0, spare - others))
        others = max(0.0, others - spare)
        group = _mean(telemetry, span, lambda s: s.limits.group_cpu_s if s.limits else None)
        if group is not None:
            ours = own + mrbench if header.group_holds_us else 0.0
            others = max(others, group - training - ours)
        cores = quota
    return CpuLoad(
        usable_cores=cores, training_cores=training, others_cores=others, stolen_cores=stolen
    )


def limits(telemetry: Telemetry, span: Span) -> CpuLimits | None:
    """Return what limited the training's processors; None where the telemetry is older."""
    samples, header = telemetry.samples, telemetry.header
    if not any(s.limits for s in samples):
        return None

    def share(pick: Callable[[LimitsSample], float | None]) -> float | None:
        return _mean(telemetry, span, lambda s: pick(s.limits) if s.limits else None)

    periods, throttled = share(lambda at: at.periods), share(lambda at: at.throttled)
    held = None
    if periods is not None and throttled is not None:
        held = throttled / periods if periods else 0.0
    mhz = gauge(samples, span, lambda s: s.limits.cpu_mhz if s.limits else None)
    fastest = header.cpu_max_mhz
    return CpuLimits(
        quota_cores=header.quota_cores,
        throttled_share=held,
        memory_stalled_share=share(lambda at: at.memory_stalled_s),
        heat_share=share(lambda at: at.heat_s),
        clock_share=mhz.mean / fastest if mhz and fastest else None,
    )


def _mean(
    telemetry: Telemetry, span: Span, pick: Callable[[TelemetrySample], float | None]
) -> float | None:
    """Return how fast a counter rose, per second."""
    speed = rate(telemetry.samples, span, pick)
    return speed.mean if speed else None
