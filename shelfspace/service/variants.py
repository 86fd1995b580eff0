"""Two spaces at once: who is answered by which."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from shelfspace.errors import ConfigError

L = TypeVar("L")

NAMES = ("a", "b")


@dataclass(frozen=True)
class Assignment:
    """Who is answered by which of two variants: the same one always, at random over all, and unlike other experiments.

    A user's place is SHA-256 of the salt and their id, as a number in [0, 1); those below the share get b. So a larger
    share moves users from a to b only, and another salt draws anew. Some microseconds.

    Args:
        share: of users that b answers, 0 to 1.
        salt: the name of the experiment.

    Raises:
        ConfigError: the share is not from 0 to 1.

    Example:
        >>> Assignment(0.5, "winter").of("user-7")
        'a'
    """

    share: float = 0.5
    salt: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ConfigError(f"share = {self.share}: the share of users that b answers is from 0 to 1")

    def place(self, who: str) -> float:
        """Return where a user, a session or a list lies in [0, 1)."""
        salt = self.salt.encode("utf-8", "surrogatepass")
        # the length keeps ("ab", "c") and ("a", "bc") apart
        text = b"%d:%b%b" % (len(salt), salt, who.encode("utf-8", "surrogatepass"))
        return (int.from_bytes(hashlib.sha256(text).digest()[:8]) >> 11) / (1 << 53)

    def of(self, who: str) -> str:
        """Return the name of the variant that answers."""
        return NAMES[self.place(who) < self.share]


@dataclass(frozen=True)
class Variants(Generic[L]):
    """Two live spaces, and who is answered by which.

    Example:
        >>> Variants("one", "other", Assignment(share=0.0)).of("user-7")
        ('a', 'one')
    """

    a: L
    b: L
    assignment: Assignment = field(default_factory=Assignment)

    def of(self, who: str) -> tuple[str, L]:
        """Return the variant of a user; of a session where there is none; else of the list that is answered."""
        name = self.assignment.of(who)
        return name, self.b if name == "b" else self.a

    def of_question(
        self,
        subject: tuple[str, str | list[str] | None],
        given: Mapping[str, Any],
        *,
        session: str | None,
        list_id: str,
    ) -> tuple[str, L]:
        """Return the variant that answers a question: its user's, else its session's, else any; a batch gets a.

        Args:
            subject: the name of what is asked about, and what it is.
            given: the other settings.
            session: the header `X-Session-ID`, percent-encoded.
            list_id: of this answer.
        """
        name, value = subject
        if isinstance(value, list):
            return NAMES[0], self.a
        user = value if name == "user" else given.get("user")
        return self.of(user or (unquote(session) if session else list_id))

    def __iter__(self) -> Iterator[L]:
        return iter((self.a, self.b))
