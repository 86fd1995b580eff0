"""What else is foretold from a user's vector: a label, a number. B users, L latent_dim, C classes."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.linear.retriever import Arrays

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LabelHead:
    """A softmax over classes.

    weight: [L, C];  offset: [C];  classes: text [C];  shares: float32 [C], of the users it was learnt from.
    """

    weight: Floats
    offset: Floats
    classes: npt.NDArray[np.str_]
    shares: Floats

    def probability(self, latent: Floats, known: npt.NDArray[np.bool_]) -> Floats:
        """Return float32 [B, C]; the shares of the classes for a user of whom nothing is known."""
        logits = latent @ self.weight + self.offset
        logits -= logits.max(axis=1, keepdims=True)
        chance: Floats = np.exp(logits)
        chance /= chance.sum(axis=1, keepdims=True)
        chance[~known] = self.shares
        return chance


@dataclass(frozen=True)
class NumberHead:
    """A number, learnt in units of its deviation; on a log scale where it is log(1 + number) that was learnt.

    weight: [L];  offset, mean, deviation: numbers.
    """

    weight: Floats
    offset: float
    mean: float
    deviation: float
    log: bool

    def scaled(self, latent: Floats, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Return float64 [B] on the scale it was learnt on; the mean for a user of whom nothing is known."""
        found = (latent @ self.weight + self.offset).astype(np.float64)
        return np.where(known, found, 0.0) * self.deviation + self.mean

    def value(self, latent: Floats, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Return float64 [B], in the number's own unit."""
        found = self.scaled(latent, known)
        return np.expm1(found) if self.log else found


@dataclass(frozen=True)
class Heads:
    """The heads there are."""

    label: LabelHead | None = None
    number: NumberHead | None = None

    @property
    def classes(self) -> list[str]:
        """The classes of the label, in the order of `probability`."""
        return [] if self.label is None else [str(name) for name in self.label.classes]

    def predict(self, latent: Floats, known: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[np.generic]]:
        """Return `label`, `probability` and `value`, those there are."""
        found: dict[str, npt.NDArray[np.generic]] = {}
        if self.label is not None:
            chance = self.label.probability(latent, known)
            found = {"label": self.label.classes[chance.argmax(axis=1)], "probability": chance}
        if self.number is not None:
            found["value"] = self.number.value(latent, known)
        return found

    def arrays(self) -> Arrays:
        """Return what `of` takes."""
        found: Arrays = {}
        if self.label is not None:
            found |= {f"head/label/{name}": value for name, value in vars(self.label).items()}
        if self.number is not None:
            numbers = [self.number.offset, self.number.mean, self.number.deviation, float(self.number.log)]
            found |= {"head/number/weight": self.number.weight, "head/number/scale": np.array(numbers)}
        return found

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """Take what `arrays` gave."""
        label, number = None, None
        if "head/label/weight" in arrays:
            weight, offset, classes, shares = (
                arrays[f"head/label/{n}"] for n in ("weight", "offset", "classes", "shares")
            )
            label = LabelHead(
                weight.astype(np.float32),
                offset.astype(np.float32),
                classes.astype(np.str_),
                shares.astype(np.float32),
            )
        if "head/number/weight" in arrays:
            start, mean, deviation, log = arrays["head/number/scale"].astype(np.float64).tolist()
            column = arrays["head/number/weight"].astype(np.float32)
            number = NumberHead(column, start, mean, deviation, bool(log))
        return cls(label, number)
