"""What machine this is: host, processors, memory and GPUs."""

import os
import platform
import socket

import psutil

from mrbench import __version__
from mrbench.launch.gpus import list_gpus
from mrbench.model.machine import Machine

# Inherited variables with these beginnings change how training runs; none of them is a secret.
TELLING = (
    *("CUDA_", "NVIDIA_VISIBLE", "NCCL_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "XLA_"),
    # not all of TF_: Terraform's begin so too, and hold secrets
    *("TF_CPP_", "TF_CUDNN_", "TF_DISABLE_", "TF_ENABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_"),
    *("TF_DETERMINISTIC_", "TF_XLA_", "TF_USE_", "TF_AUTOTUNE_", "TF_CUDA_"),
    *("JAX_", "MXNET_", "HOROVOD_", "TORCH_", "PYTORCH_", "SLURM_JOB_ID", "LD_PRELOAD"),
)


def facts() -> Machine:
    """Describe this machine for the record; what cannot be known is None, never zero."""
    gpus, gpu_error, driver = list_gpus()
    return Machine(
        host=socket.gethostname(),
        mrbench=__version__,
        python=platform.python_version(),
        system=platform.platform(),
        cpu=_cpu_name(),
        cpu_count=os.cpu_count(),
        cpus_usable=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        load_average_1min=os.getloadavg()[0],
        gpus=gpus,
        gpu_error=gpu_error,
        gpu_driver=driver,
        variables={n: v for n, v in sorted(os.environ.items()) if n.startswith(TELLING)},
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
