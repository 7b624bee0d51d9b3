"""`make bench`: how fast and how right mrbench is, as ratios and differences within one run."""

import ab
import accuracy
import clocks
import coverage
import gate
import history
import parse_speed
import ratios
import results_build
import run_overhead
import startup
import table_speed
import telemetry_cost
import unsteady

BENCHES = {
    "startup": startup,
    "overhead of a run": run_overhead,
    "telemetry": telemetry_cost,
    "tables of many runs": table_speed,
    "a page of many archives": results_build,
    "reading a log": parse_speed,
    "accuracy of ways to read a log": accuracy,
    "clocks that are wrong": clocks,
    "coverage of the 95 % interval": coverage,
    "coverage of ratios": ratios,
    "windows that are not steady": unsteady,
    "the gate's verdicts": gate,
    "old against new in turns": ab,
    "changes in a history of runs": history,
}

for name, bench in BENCHES.items():
    print(f"\n== {name}", flush=True)
    bench.main()
