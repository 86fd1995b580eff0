"""How the parent hands connections to its workers: over a socket pair, a message a connection.

Where workers accept from one socket, or each from its own by SO_REUSEPORT, few long-lived connections spread by chance,
and one core idles while the other queues. Handed out in turn they spread evenly.
"""

import array
import os
import socket
from dataclasses import dataclass
from socket import socket as Socket  # noqa: N812

READY, ALIVE, CONNECTION = b"r", b"a", b"c"
"""A worker answers; it lives, and so many connections ended (the number follows); here is one."""

VARIABLE = "SHELFSPACE_CHANNEL"
"""The variable of the environment that holds the number of a worker's end."""


@dataclass(frozen=True)
class Channel:
    """One end of the pair; it never blocks.

    socket: SOCK_SEQPACKET, so that a message is whole or not there, and its end is seen when the other side is gone.
    """

    socket: Socket

    @classmethod
    def pair(cls) -> "tuple[Channel, Channel]":
        """Return the parent's end and the worker's."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        theirs.setblocking(False)
        return cls(ours), cls(theirs)

    @classmethod
    def inherited(cls) -> "Channel":
        """Return the end that this worker was started with."""
        return cls(socket.socket(fileno=int(os.environ[VARIABLE])))

    def fileno(self) -> int:
        """Return the number of the descriptor."""
        return self.socket.fileno()

    def tell(self, what: bytes) -> bool:
        """Say something; False where the other side is gone or does not listen."""
        try:
            self.socket.send(what)
        except OSError:
            return False
        return True

    def hand(self, connection: Socket) -> bool:
        """Hand a connection over; False where the other side is gone or has too many waiting."""
        descriptors = array.array("i", [connection.fileno()])
        try:
            self.socket.sendmsg([CONNECTION], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        except OSError:
            return False
        return True

    def heard(self) -> bytes | None:
        """Return the next message, b"" where the other side is gone, None where there is none."""
        try:
            return self.socket.recv(32)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def taken(self) -> Socket | bytes | None:
        """Return the next connection, b"" where the other side is gone, None where there is none."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self.socket, 1, 1)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        if not descriptors:
            return b"" if not message else None
        connection = socket.socket(fileno=descriptors[0])
        connection.setblocking(False)
        return connection

    def close(self) -> None:
        """Close this end."""
        self.socket.close()
