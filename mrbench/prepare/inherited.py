"""What a program of a run inherits from the caller's environment: a short list, and what is named.

All else stays outside: a leftover RANK, a PYTHONPATH or a setting of some library would change the
training without a trace. What is passed on stands in the record.
"""

import os
from collections.abc import Container, Iterable

from mrbench.model.job import Job

# Who runs it, where programs, libraries and caches of this machine lie, how the network is reached,
# which devices there are. A * stands for any ending.
PASSED = (
    *("HOME", "USER", "LOGNAME", "SHELL", "PATH", "TERM", "TZ", "LANG", "LANGUAGE", "LC_*"),
    *("TMPDIR", "XDG_CACHE_HOME", "TORCH_HOME", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH"),
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    # a cluster's network: without them several nodes do not find each other, or hang
    *("NCCL_SOCKET_*", "NCCL_IB_*", "NCCL_NET", "NCCL_NET_PLUGIN", "NCCL_TOPO_FILE"),
    *("NCCL_CONF_FILE", "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME", "FI_PROVIDER"),
    # caches that do not fit into a home, or are filled where nodes reach no network
    *("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "TRANSFORMERS_CACHE", "KERAS_HOME"),
    *("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"),
    *("TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH"),
)
# Of one program that starts a training on several nodes by itself, as mpirun does.
STARTERS = ("SLURM_*", "OMPI_MCA_*", "PRTE_MCA_*", "PMIX_*", "I_MPI_*", "HYDRA_*", "UCX_*", "FI_*")
# Of a step that makes something: where compilers find what machines have in unusual places, how pip
# and uv reach their indexes. Flags for compilers stay outside, and uv's other settings.
COMPILERS = (
    *("CC", "CXX", "CUDAHOSTCXX", "CUDACXX", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"),
    "LIBRARY_PATH",
)
BUILD = (
    *COMPILERS,
    *("PKG_CONFIG_PATH", "CUDA_ROOT", "CUDNN_*", "NCCL_HOME", "NCCL_ROOT"),
    *("HOROVOD_NCCL_HOME", "HOROVOD_CUDA_HOME", "TORCH_CUDA_ARCH_LIST", "FORCE_CUDA"),
)
STEPS = (
    *(*BUILD, "MAX_JOBS", "MAKEFLAGS", "NETRC", "XDG_DATA_HOME"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE"),
    *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_TRUSTED_HOST", "PIP_PROXY", "PIP_CACHE_DIR"),
    *("PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"),
    *("UV_FIND_LINKS", "UV_CACHE_DIR", "UV_OFFLINE", "UV_HTTP_*", "UV_CONCURRENT_*"),
    *("UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "UV_LINK_MODE"),
    *("UV_PYTHON_INSTALL_DIR",),
)
INDEX = "MRBENCH_INDEX"
# Of what is left out, the beginnings of what would have changed the training; and COMPILERS, which
# torch.compile, Triton and extensions that are built on the fly would have used.
TELLING = (
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_", "OMPI_", "PMI", "MPI"),
    *("CUDA_", "CUBLAS_", "CUDNN_", "NVIDIA_", "NCCL_", "GLOO_", "UCX_", "FI_", "OMP_", "GOMP_"),
    *("MKL_", "DNNL_", "ONEDNN_", "OPENBLAS_", "KMP_", "ATEN_", "TORCH", "PYTORCH_", "JAX_"),
    *("TF_CPP_", "TF_CUDNN_", "TF_DISABLE_", "TF_ENABLE_", "TF_FORCE_", "TF_GPU_", "TF_NUM_"),
    *("TF_DETERMINISTIC_", "TF_XLA_", "TF_USE_", "TF_AUTOTUNE_", "TF_CUDA_", "XLA_", "TRITON_"),
    *("HF_", "TRANSFORMERS_"),
    *("MXNET_", "HOROVOD_", "GLIBC_TUNABLES", "MALLOC_", "LD_PRELOAD", "LD_AUDIT", "LD_BIND_NOW"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONMALLOC", "PYTHONTRACEMALLOC", "PYTHONOPTIMIZE"),
    *("PYTHONDEVMODE", "PYTHONFAULTHANDLER", "PYTHONHASHSEED", "PYTHONASYNCIODEBUG"),
    *("PYTHONPROFILEIMPORTTIME", "PYTHONDEBUG", "PYTHONVERBOSE", "PYTHON_GIL", "PYTHON_JIT"),
)


def passed(names: Iterable[str] = ()) -> dict[str, str]:
    """Return what a program of a run inherits: the list, and those of `names`."""
    return chosen((*PASSED, *names))


def for_steps() -> dict[str, str]:
    """Return what a step that makes something inherits, uv and pip among them.

    MRBENCH_INDEX is the one index of uv, and pip's where no setting of pip's names another.
    """
    index = os.environ.get(INDEX)
    indexes = {"UV_DEFAULT_INDEX": index, "PIP_INDEX_URL": index} if index else {}
    return {"UV_NO_CONFIG": "1", **indexes, **passed(STEPS)}


def building() -> dict[str, str]:
    """Return the caller's variables that decide what a compiler makes."""
    return chosen((*BUILD, "CUDA_HOME", "CUDA_PATH"))


def chosen(names: Iterable[str]) -> dict[str, str]:
    """Return the caller's variables of these names; a * stands for any ending."""
    listed = tuple(names)
    exact = {name for name in listed if not name.endswith("*")}
    beginnings = tuple(name[:-1] for name in listed if name.endswith("*"))
    environ = sorted(os.environ.items())
    return {n: v for n, v in environ if n in exact or n.startswith(beginnings)}


def of(job: Job) -> dict[str, str]:
    """Return what a job inherits; a container, only what is named."""
    return passed(job.inherit) if job.image is None else chosen(job.inherit)


def left_out(names: Iterable[str], own: Container[str]) -> tuple[str, ...]:
    """Return which of the caller's variables would have changed a training that lacks them.

    names: passed on all the same; own: what the training sets itself.
    """
    given = passed(names)
    would = chosen((*COMPILERS, *(f"{beginning}*" for beginning in TELLING)))
    return tuple(name for name in would if name not in given and name not in own)
