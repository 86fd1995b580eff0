"""From a task's signature to its doors: the command here; the HTTP route and the form read the same fields.

The grammar: after `space` at most one subject, by position, and it may be optional; everything else by keyword. A
subject that may be a list is a batch.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints


@dataclass(frozen=True)
class Field:
    """One argument of a task: its name, type and default, and what its docstring says of it."""

    name: str
    annotation: Any
    default: Any
    description: str
    is_subject: bool

    @property
    def required(self) -> bool:
        """Whether the caller must give it."""
        return self.default is inspect.Parameter.empty


def fields(ask: Callable[..., Any]) -> list[Field]:
    """Return the arguments of a task after `space`, in the order of its signature.

    Raises:
        TypeError: the signature breaks the grammar.
    """
    hints, said = get_type_hints(ask), _described(ask.__doc__ or "")
    _, *parameters = inspect.signature(ask).parameters.values()
    found = [
        Field(
            p.name,
            hints[p.name],
            p.default,
            said.get(p.name, ""),
            p.kind is not inspect.Parameter.KEYWORD_ONLY,
        )
        for p in parameters
    ]
    if sum(f.is_subject for f in found) > 1:
        raise TypeError(f"{ask.__name__} takes more than one subject by position")
    return found


def summary(ask: Callable[..., Any]) -> str:
    """Return the first line of a task's docstring."""
    return inspect.cleandoc(ask.__doc__ or "").splitlines()[0]


def _described(docstring: str) -> dict[str, str]:
    """Read the `Args:` of a docstring: name -> one line."""
    text = inspect.cleandoc(docstring)
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)+)", text, re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(r"^    (\w+): ((?:.*\n?)(?:^ {8}.*\n?)*)", section[1], re.MULTILINE)
    return {name: " ".join(body.split()) for name, body in entries}
