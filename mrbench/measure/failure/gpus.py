"""Signs that a GPU, its driver or its libraries did not do what was asked."""

from mrbench.measure.failure.base import sign

SIGNS = (
    sign(
        "gpu_unsupported",
        "the GPU is too new (or too old) for this build of CUDA; use a GPU that it serves, or"
        " libraries built for this one",
        rb"no kernel image is available",
        rb"\binvalid device function\b",
        rb"named symbol not found",
        rb"the provided PTX was compiled with an unsupported toolchain",
    ),
    sign(
        "gpu_driver",
        "install a driver that serves this version of CUDA (nvidia-smi shows both), or restart"
        " the machine after an update",
        rb"CUDA driver version is insufficient",
        rb"NVIDIA driver on your system is too old",
        rb"forward compatibility was attempted on non supported HW",
        rb"Driver/library version mismatch",
        rb"system not yet initialized",
        rb"CUDA unknown error",
    ),
    sign(
        "gpu_missing",
        "run on a machine with that many GPUs; look at nvidia-smi and CUDA_VISIBLE_DEVICES",
        rb"Found no NVIDIA driver",
        rb"no CUDA-capable device",
        rb"No CUDA GPUs are available",
        rb"invalid device ordinal",
        rb"not compiled with CUDA enabled",
        rb"Cannot assign a device for operation",
        rb"Has to train with GPU",
        rb"libcuda\.so\.1: cannot open shared object file",
    ),
    sign(
        "gpu_fault",
        "run again with CUDA_LAUNCH_BLOCKING=1 to find the operator; if it comes at different"
        " places, suspect the GPU (nvidia-smi -q, dmesg)",
        rb"illegal memory access",
        rb"device-side assert",
        rb"unspecified launch failure",
        rb"misaligned address",
        rb"uncorrectable ECC",
        rb"fallen off the bus",
        rb"GPU is lost",
    ),
    sign(
        "cudnn",
        "check that cuDNN and CUDA fit each other and the GPU, and that its memory was free",
        rb"cuDNN error",
        rb"CUDNN_STATUS_(?!SUCCESS)\w+(?!.*could not (?:create|destroy))",
        rb"CUBLAS_STATUS_(?!SUCCESS)\w+",
        rb"Failed to get convolution algorithm",
        rb"Unable to find a valid cuDNN algorithm",
        rb"no engine to execute the computation",
    ),
)
