"""The nouns of how a run and its job end, and why; no I/O."""

from typing import Annotated, Literal

import msgspec

from mrbench.model.doc import doc

Status = Literal[
    "ok",
    "no_iterations",
    "incomplete_window",
    "non_monotonic",
    "clocks_disagree",
    "diverged",
    "failed",
    "out_of_memory",
    "stalled",
    "timed_out",
    "interrupted",
]


EndReason = Literal["exited", "enough", "interrupted", "timed_out", "stalled", "out_of_memory"]


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended."""

    reason: Annotated[
        EndReason,
        doc("Why it ended: by itself, ended by mrbench after the window, interrupted, ..."),
    ]
    code: Annotated[
        int | None, doc("Exit status; negative: the signal that ended it; null: it never started.")
    ]
    seconds: Annotated[float, doc("Seconds from start to end.")]
    message: Annotated[str, doc("What there is to say beyond the reason; else empty.")] = ""
    remedy: Annotated[str, doc("What to do about it; else empty.")] = ""
    oom_kills: Annotated[
        int | None,
        doc(
            "Processes of the whole machine that the kernel killed meanwhile for lack of memory;"
            " null: unknown."
        ),
    ] = None


FailureCause = Literal[
    "gpu_out_of_memory",
    "host_out_of_memory",
    "shared_memory_full",
    "disk_full",
    "file_size_limit",
    "too_many_open_files",
    "too_many_processes",
    "nccl",
    "peer_lost",
    "port_in_use",
    "connection_refused",
    "download_failed",
    "weights_missing",
    "data_missing",
    "file_missing",
    "file_broken",
    "weights_mismatch",
    "permission_denied",
    "wrong_path",
    "broken_pipe",
    "program_missing",
    "module_missing",
    "library_missing",
    "library_mismatch",
    "api_changed",
    "wrong_python",
    "wrong_arguments",
    "build_failed",
    "gpu_unsupported",
    "gpu_missing",
    "gpu_driver",
    "cudnn",
    "gpu_fault",
    "diverged",
    "data_loader_died",
    "assertion",
    "exception",
    "crashed",
    "killed",
    "terminated",
    "stalled",
    "timed_out",
    "interrupted",
    "ended_early",
    "unread_log",
    "unknown",
]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a training gave no number: the cause, the log's line that says so, and what to do."""

    cause: Annotated[FailureCause, doc("What ended the training.")]
    status: Annotated[Status, doc("Status of the run that follows from it.")]
    line: Annotated[
        str,
        doc(
            "Line of the log that says so, at most 300 characters; empty where nothing was printed."
        ),
    ]
    remedy: Annotated[str, doc("What to do about it.")]
    rank: Annotated[int | None, doc("Rank of the process that failed, where the log has it.")] = (
        None
    )
    detail: Annotated[str, doc("What else is known, e.g. who held the memory.")] = ""
