"""Signs that processes could not reach each other, or a server."""

from mrbench.measure.failure.base import Sign, Weight, any_of

SIGNS = (
    Sign(
        "download_failed",
        any_of(
            rb"urlopen error",
            rb"URL fetch failure",
            rb"^(?:\w+\.)*(?:gaierror|URLError|HTTPError|SSLError|ProxyError)\b",
            rb"^(?:\w+\.)*ConnectionError: .*(?:HTTP|Max retries)",
            rb"[Nn]ame (?:or service not known|resolution)",
            rb"invalid hash value",
        ),
        "fetch the file on a machine with internet and put it where the training looks for it",
    ),
    Sign(
        "port_in_use",
        any_of(rb"[Aa]ddress already in use", rb"EADDRINUSE", rb"errno: ?98\b"),
        "end the other training that listens there, or choose another port (--master_port,"
        " MASTER_PORT)",
    ),
    Sign(
        "nccl",
        any_of(rb"Duplicate GPU detected", rb"ncclInvalidUsage"),
        "give each rank a GPU of its own (CUDA_VISIBLE_DEVICES, the number of processes)",
    ),
    Sign(
        "nccl",
        any_of(
            rb"(?:NCCL [Ee]rror|ncclSystemError|ncclInternalError|"
            rb"ncclUnhandledCudaError|ncclRemoteError|unhandled (?:system|cuda) error, NCCL|"
            rb"DistBackendError)",
            rb"Watchdog caught collective operation timeout",
            rb"NCCL communicator was aborted",
            rb"ncclCommInitRank failed",
        ),
        "look for the rank that failed first; if none did, run with NCCL_DEBUG=INFO and check the"
        " network (NCCL_SOCKET_IFNAME, NCCL_P2P_DISABLE=1) and /dev/shm",
        weight=Weight.CONSEQUENCE,
    ),
    Sign(
        "peer_lost",
        any_of(
            rb"Connection closed by peer",
            rb"Connection reset by peer",
            rb"ConnectionResetError",
            rb"^(?:\w+\.)*EOFError\b",
            rb"(?:Socket|[Ww]ait) [Tt]imeout",
            rb"store based barrier",
            rb"Timed out waiting for clients",
            rb"Horovod has been shut down",
            rb"HorovodInternalError",
        ),
        "another process ended first; look for its error above, or for a killed rank",
        weight=Weight.CONSEQUENCE,
    ),
    Sign(
        "connection_refused",
        any_of(rb"Connection refused", rb"No route to host", rb"Network is unreachable"),
        "check that rank 0 was started and that MASTER_ADDR and MASTER_PORT lead to it",
        weight=Weight.CONSEQUENCE,
    ),
    Sign(
        "broken_pipe",
        any_of(rb"Broken pipe"),
        "the process that read this one's output or data ended first; look at what the command"
        " pipes into, and for an error above",
        weight=Weight.CONSEQUENCE,
    ),
)
