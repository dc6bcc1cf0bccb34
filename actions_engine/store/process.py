"""Who delivers from a file: a process on a host, and whether it may still run."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Set
from typing import NamedTuple, Self


class Process(NamedTuple):
    """One store that is open for delivering.

    Attributes:
        host: The host's name.
        pid: The process's id on that host.
        token: Tells it from another store of the same process, and from an earlier process of the same id.
    """

    host: str
    pid: int
    token: str

    @classmethod
    def own(cls) -> Self:
        """Return a new one of this process."""
        return cls(_host(), os.getpid(), secrets.token_hex(4))

    @classmethod
    def read(cls, name: str) -> Self | None:
        """Return the one of a name; None where it is no such name."""
        match name.split(" "):
            case [_, host, pid, token] if pid.isdecimal() and len(pid) < 12:
                return cls(host, int(pid), token)
        return None

    @property
    def name(self) -> str:
        """What it is noted by."""
        return f"process {self.host} {self.pid} {self.token}"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def may_run(self, here: Set[Process]) -> bool:
        """Whether it may still run, given those of this process that are open; of another host's nobody knows."""
        if self.host != _host():
            return True
        if self.pid == os.getpid():
            return self in here
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def _host() -> str:
    return socket.gethostname().replace(" ", "-") or "localhost"
