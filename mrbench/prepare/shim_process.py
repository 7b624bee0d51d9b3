"""A shim started ahead of its order, so that its Python boots while mrbench still reads recipes."""

import _socket  # socket.py would cost more than starting ahead gains
import subprocess
import sys
from array import array
from pathlib import Path
from typing import IO

SHIM = Path(__file__).with_name("shim") / "__main__.py"
_standing_by: list["Shim"] = []


class Shim:
    """A shim process and the two channels to it."""

    def __init__(self) -> None:
        mine, its = _socket.socketpair()  # not a pipe: open files travel through it
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SHIM)],
            stdin=its.fileno(),
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C on the terminal is for mrbench alone
        )
        its.close()
        if self.process.stdout is None:
            raise TypeError("the shim is spoken to through pipes")
        self.reports: IO[bytes] = self.process.stdout
        self._channel = mine

    def hand_over(self, files: tuple[int, ...]) -> IO[bytes]:
        """Give it these open files to keep; return what its order is written to."""
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array("i", files))] if files else []
        self._channel.sendmsg([b"!"], rights)
        return open(self._channel.detach(), "wb", buffering=0)  # noqa: PTH123 - no path


def start() -> None:
    """Start one; without an order it ends when mrbench does."""
    _standing_by.append(Shim())


def standing_by() -> list[int]:
    """Return the process ids of those that have no order yet."""
    return [shim.process.pid for shim in _standing_by]


def take() -> Shim:
    """Return the one that stands by, or a new one."""
    return _standing_by.pop() if _standing_by else Shim()
