"""`[bundle]`: its settings; and what is fitted: baskets, kinds, and weights that validation chose. N items."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from scipy import sparse

from shelfspace.bundling.baskets import Baskets
from shelfspace.bundling.complements import Complements, Weighing
from shelfspace.bundling.kinds import Kinds
from shelfspace.bundling.next_basket import Habits, NextBasket
from shelfspace.linear.repeat import Repeat


@dataclass(kw_only=True)
class Bundle:
    """`[bundle]`: what goes with what.

    Args:
        substitutes: 0 lets products of one kind answer for each other as often as they are bought together; 1 only
            where two are together more often than their kind is.
        popular: 1 ranks by how many baskets more than by chance hold both, which soon is what everybody buys; 0 by lift
            alone, which is what hardly anybody does.
        num_like: how many like products lend their baskets.
        tune_cases: baskets and shoppers of validation on which weights are chosen; 0: the weights stay as they come.
        test_cases: of those that are measured; 0: nothing is measured.
    """

    substitutes: float = 0.5
    popular: float = 0.6
    num_like: int = 20
    tune_cases: int = 200
    test_cases: int = 500


@dataclass(frozen=True)
class FittedBundle:
    """What goes with what, and what shoppers take again.

    next_basket: None where no shopper is named;  measured: as in `metrics.json`;  notes: what was left out.
    """

    complements: Complements
    next_basket: NextBasket | None
    measured: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def files(self) -> dict[str, bytes]:
        """Return it as files: weights as JSON, numbers as npz."""
        baskets, kinds = self.complements.baskets, self.complements.kinds
        arrays: dict[str, Any] = {
            "indptr": baskets.members.indptr.astype(np.int64),
            "item": baskets.members.indices.astype(np.int32),
            "time": baskets.time,
            "num_items": np.array([baskets.num_items]),
            **{f"kinds/{name}": getattr(kinds, name) for name in ("narrow", "group", "own", "lift")},
        }
        if self.next_basket is not None:
            arrays |= {f"repeat/{name}": a for name, a in self.next_basket.repeat.arrays().items()}
        numbers = io.BytesIO()
        np.savez_compressed(numbers, **arrays)
        about = {
            "source": baskets.source,
            "kind": baskets.kind,
            "weighing": asdict(self.complements.weighing),
            "num_like": self.complements.num_like,
            "habits": None if self.next_basket is None else asdict(self.next_basket.habits),
            "measured": self.measured,
            "notes": self.notes,
        }
        return {"bundle.json": json.dumps(about, indent=1).encode(), "bundle.npz": numbers.getvalue()}

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; `file` reads one by its name.

        Raises:
            ValueError: a file is not what was written.
        """
        about = json.loads(file("bundle.json"))
        with np.load(io.BytesIO(file("bundle.npz")), allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
        ones = np.ones(len(arrays["item"]), np.float32)
        shape = (len(arrays["indptr"]) - 1, int(arrays["num_items"][0]))
        members = sparse.csr_array((ones, arrays["item"], arrays["indptr"]), shape=shape)
        baskets = Baskets(members, arrays["time"], about["source"], about["kind"])
        kinds = Kinds(*(arrays[f"kinds/{name}"] for name in ("narrow", "group", "own", "lift")))
        found = None
        if about["habits"] is not None:
            habits = Habits(**about["habits"])
            learnt = {name.removeprefix("repeat/"): a for name, a in arrays.items() if name[:7] == "repeat/"}
            found = NextBasket(Repeat(half_life=habits.again).restore(learnt), baskets, habits)
        complements = Complements(baskets, kinds, Weighing(**about["weighing"]), about["num_like"])
        return cls(complements, found, about["measured"], tuple(about["notes"]))
