"""Signs that processes could not reach each other, or a server."""

from mrbench.measure.failure.base import Weight, sign

SIGNS = (
    sign(
        "download_failed",
        "fetch the file on a machine with internet and put it where the training looks for it",
        rb"urlopen error",
        rb"URL fetch failure",
        rb"^(?:\w+\.)*(?:gaierror|URLError|HTTPError|SSLError|ProxyError)\b",
        rb"^(?:\w+\.)*ConnectionError: .*(?:HTTP|Max retries)",
        rb"[Nn]ame (?:or service not known|resolution)",
        rb"invalid hash value",
    ),
    sign(
        "port_in_use",
        "end the other training that listens there, or choose another port (--master_port,"
        " MASTER_PORT)",
        rb"[Aa]ddress already in use",
        rb"EADDRINUSE",
        rb"errno: ?98\b",
    ),
    sign(
        "nccl",
        "give each rank a GPU of its own (CUDA_VISIBLE_DEVICES, the number of processes)",
        rb"Duplicate GPU detected",
        rb"ncclInvalidUsage",
    ),
    sign(
        "nccl",
        "look for the rank that failed first; if none did, run with NCCL_DEBUG=INFO and check the"
        " network (NCCL_SOCKET_IFNAME, NCCL_P2P_DISABLE=1) and /dev/shm",
        rb"(?:NCCL [Ee]rror|ncclSystemError|ncclInternalError|"
        rb"ncclUnhandledCudaError|ncclRemoteError|unhandled (?:system|cuda) error, NCCL|"
        rb"DistBackendError)",
        rb"Watchdog caught collective operation timeout",
        rb"NCCL communicator was aborted",
        rb"ncclCommInitRank failed",
        weight=Weight.CONSEQUENCE,
    ),
    sign(
        "peer_lost",
        "another process ended first; look for its error above, or for a killed rank",
        rb"Connection closed by peer",
        rb"Connection reset by peer",
        rb"ConnectionResetError",
        rb"^(?:\w+\.)*EOFError\b",
        rb"(?:Socket|[Ww]ait) [Tt]imeout",
        rb"store based barrier",
        rb"Timed out waiting for clients",
        rb"Horovod has been shut down",
        rb"HorovodInternalError",
        weight=Weight.CONSEQUENCE,
    ),
    sign(
        "connection_refused",
        "check that rank 0 was started and that MASTER_ADDR and MASTER_PORT lead to it",
        rb"Connection refused",
        rb"No route to host",
        rb"Network is unreachable",
        weight=Weight.CONSEQUENCE,
    ),
    sign(
        "broken_pipe",
        "the process that read this one's output or data ended first; look at what the command"
        " pipes into, and for an error above",
        rb"Broken pipe",
        weight=Weight.CONSEQUENCE,
    ),
)
