"""What machine this is: host, processors, memory and GPUs."""

import os
import platform
import socket

import psutil

from mrbench import __version__
from mrbench.launch.gpus import list_gpus
from mrbench.launch.telemetry.cgroups import tightest
from mrbench.model.job import Job
from mrbench.model.machine import Machine
from mrbench.prepare import inherited
from mrbench.text import shown


def facts(job: Job) -> Machine:
    """Describe this machine for the record; what cannot be known is None, never zero.

    job: what trains here, whose inherited variables are told.
    """
    gpus, gpu_error, driver = list_gpus()
    group = tightest(os.getpid())
    return Machine(
        host=socket.gethostname(),
        mrbench=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        cpu=_cpu_name(),
        cpu_count=os.cpu_count(),
        cpus_usable=len(os.sched_getaffinity(0)),
        cpu_quota_cores=group.quota_cores if group else None,
        memory_bytes=psutil.virtual_memory().total,
        load_average_1min=os.getloadavg()[0],
        gpus=gpus,
        gpu_error=gpu_error,
        gpu_driver=driver,
        variables={n: shown(n, v) for n, v in inherited.of(job).items()},
        not_passed=None if job.image else inherited.left_out(job.inherit, job.variables),
    )


def _cpu_name() -> str | None:
    """Return the processor's name, which psutil does not know."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123 - a stream, not a file to own
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return None
