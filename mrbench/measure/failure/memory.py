"""Signs that memory, room on a disk, or another of the machine's limits was used up."""

from mrbench.measure.failure.base import Weight, sign

SIGNS = (
    sign(
        "host_out_of_memory",
        "give the host more memory, or use fewer data-loader workers and smaller batches",
        rb"^(?:\w+\.)*(?:_Array)?MemoryError\b",
        rb"std::bad_alloc",
        rb"DefaultCPUAllocator: (?:can't allocate|not enough) memory",
        rb"^OSError: \[Errno 12\]",
        rb"OOM when allocating tensor .* by allocator (?:mkl_)?cpu",
        rb"killed by signal: Killed",
        status="out_of_memory",
    ),
    sign(
        "host_out_of_memory",
        "ask for more memory (Slurm: --mem), or use fewer data-loader workers",
        rb"(?:^|cgroup o|: O)ut of memory: Killed process",
        rb"oom[-_]kill",
        rb"error: .*task \d+: Out Of Memory",
        rb"^Out of memory: Killed",
        status="out_of_memory",
        weight=Weight.REPORTED,
    ),
    sign(
        "gpu_out_of_memory",
        "use a GPU with more memory, or fewer images per GPU, which is another benchmark",
        rb"CUDA out of memory",
        rb"CUDA error: out of memory",
        rb"cudaMalloc failed: out of memory",
        rb"CUDA: out of memory",
        rb"cudaSuccess\b.*\bout of memory",
        rb"^(?:.{0,60}\.)?ResourceExhaustedError\b"
        rb"(?!: \d+ root error).*\bOOM\b",
        rb"^\s*\(\d\) Resource exhausted: OOM",
        rb"^(?:\w+\.)*(?:XlaRuntimeError|JaxRuntimeError|ValueError): RESOURCE_EXHAUSTED",
        rb"CU(?:DNN|BLAS)_STATUS_ALLOC_FAILED",
        rb"^(?:\w+\.)*OutOfMemoryError\b",
        status="out_of_memory",
    ),
    sign(
        "shared_memory_full",
        "make /dev/shm larger (docker run --shm-size=8g, or --ipc=host), or use fewer"
        " data-loader workers",
        rb"insufficient shared memory",
        rb"out of shared memory",
        rb"killed by signal: Bus error",
        rb"unable to (?:write to file|mmap \d+ bytes from file|open shared memory object)"
        rb" </torch_",
        rb"No space left on device.*/dev/shm",
        rb"/dev/shm/?\S*.*No space left on device",
        rb"[Ee]rror while creating shared memory segment",
    ),
    sign(
        "disk_full",
        "make room on the disk, or choose another folder for the output and temporary files",
        rb"No space left on device",
        rb"Disk quota exceeded",
        rb"\bENOSPC\b",
    ),
    sign(
        "file_size_limit",
        "raise the limit on a file's size (ulimit -f)",
        rb"\[Errno 27\]|\bFile too large|File size limit exceeded",
    ),
    sign(
        "too_many_open_files",
        "raise the limit on open files (ulimit -n 65536), or use fewer data-loader workers",
        rb"Too many open files",
        rb"received 0 items of ancdata",
    ),
    sign(
        "too_many_processes",
        "raise the limit on processes (ulimit -u, a container's --pids-limit),"
        " or use fewer data-loader workers",
        rb"can't start new thread",
        rb"pthread_create.*(?:failed|Resource temporarily)",
    ),
)
