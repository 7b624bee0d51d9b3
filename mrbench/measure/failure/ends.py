"""Signs that a process was ended by a signal, and what launchers say of one that failed."""

from mrbench.measure.failure.base import Weight, sign

LOOK = "read the whole log: which process failed first, and what it printed last"
CRASH = (
    "a native library failed: check that the compiled extensions fit the installed libraries, and"
    " run under gdb or with PYTHONFAULTHANDLER=1"
)
KILLED = (
    "most likely the host ran out of memory: look at dmesg, a container's or job's memory limit,"
    " and at who else could have ended it"
)
STOPPED = (
    "something ended it with SIGKILL: look for a job's or container's limit, and for who ran kill"
)
FILE_SIZE = "raise the limit on a file's size (ulimit -f)"
AGAIN = "run again, and let it end by itself"
PIPE = "what read its output ended first: look at the command that it was piped into"
TERMINATED = "something asked it to end (SIGTERM): a scheduler's limit, a shutdown, or a launcher"

# Before all others: what repeats another error, or only looks like one.
ECHOES = (
    sign(
        "unknown",
        LOOK,
        rb"^(?:\w+\.)*(?:ChildFailedError|ProcessRaisedException)\b",
        rb"^(?:\w+\.)*CalledProcessError\b(?!.*died with)",
        rb"^(?:\w+\.)*Exception:\s*$",
        rb"^\w+(?:\.\w+)*: Caught \w+ in ",
        rb"^(?:\w+\.)*\w+Error: \d+ root error\(s\) found",
        rb"Primary job +terminated normally, but",
        rb"MPI_ABORT was invoked on rank",
        rb"exited due to (?:the )?(?:following )?",
        rb"^srun: error: .*task\S* [\d,-]+: Exited with exit code",
        rb"failed \(exitcode: \d+\) local_rank",
        rb"process \d+ terminated with exit code",
        rb"Process \d+ exit with status code [1-9]",
        rb"Signal 15 \(SIGTERM\) received by PID",
        weight=Weight.ECHO,
    ),
)
SIGNS = (
    sign(
        "killed",
        KILLED,
        rb"exitcode *: -9\b",
        rb"exited on signal 9\b",
        rb"Signal 9 \(SIGKILL\) received",
        rb"terminated with signal SIGKILL",
        rb"died with <Signals\.SIGKILL",
        rb"^srun: error: .*task\S* [\d,-]+: Killed",
        rb"^Process \S+ (?:was )?killed",
        weight=Weight.REPORTED,
    ),
    sign(
        "crashed",
        CRASH,
        rb"exitcode *: -(?:11|7|4|8|6)\b",
        rb"exited on signal (?:11|7|4|8|6)\b",
        rb"Signal (?:11|7|4|8|6) \(SIG\w+\) received",
        rb"terminated with signal SIG(?:SEGV|BUS|ILL|FPE|ABRT)",
        rb"died with <Signals\.SIG(?:SEGV|BUS|ILL|FPE|ABRT)",
        rb"^srun: error: .*task\S* [\d,-]+: (?:Segmentation fault|Bus error|Aborted|Illegal)",
        weight=Weight.REPORTED,
    ),
    sign(
        "host_out_of_memory",
        KILLED,
        rb"^Killed\s*$",
        rb"^\S+: line \d+: +\d+ Killed\b",
        status="out_of_memory",
        weight=Weight.REPORTED,
    ),
    sign(
        "crashed",
        CRASH,
        rb"^(?:\S+: line \d+: +\d+ )?(?:Segmentation fault|Bus error|Illegal instruction|"
        rb"Aborted|Floating point exception)(?: +\(core dumped\))?",
        rb"Fatal Python error: ",
        rb"\d\d:\d\d:\d\d\.\d+: F \S+:\d+\] ",  # TensorFlow
        rb"^F\d{4} [\d:.]+ +\d+ \S+:\d+\] ",  # glog
        rb"^\s*what\(\): ",
        rb"double free or corruption|malloc\(\): |free\(\): invalid|munmap_chunk\(\): ",
        rb"\*\*\* SIG(?:SEGV|BUS|ILL|FPE|ABRT) ",
    ),
    sign(
        "crashed",
        CRASH,
        rb"^terminate called after throwing",
        rb"\*\*\* Received signal \d+ \*\*\*",
        weight=Weight.CONSEQUENCE,
    ),
    sign(
        "terminated",
        TERMINATED,
        rb"^Terminated\s*$",
        rb"exited on signal 15\b",
        rb"exitcode *: -15\b",
        rb"got signal: 15",
        rb"CANCELLED AT .*DUE TO TIME LIMIT",
        weight=Weight.CONSEQUENCE,
    ),
    sign(
        "interrupted",
        AGAIN,
        rb"^KeyboardInterrupt\b",
        status="interrupted",
        weight=Weight.CONSEQUENCE,
    ),
)
