"""What a phrase means, by a frozen encoder that others trained. N items, K numbers of a vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from shelfspace.inputs.fields import Records
from shelfspace.inputs.pretrained import TextVectors
from shelfspace.pretrained.bundle import Bundle
from shelfspace.pretrained.running import TextEncoder
from shelfspace.shop.catalogue import Catalogue

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Meaning:
    """An encoder of phrases, and what it makes of every listing.

    bundle: the encoder;  vectors: float32 [N, K], unit length, 0 where a listing says nothing.
    """

    bundle: Bundle
    vectors: Floats

    @classmethod
    def of(cls, catalogue: Catalogue, reader: TextVectors) -> Self:
        """Encode the listings by the columns that the reader names; each text once for all runs."""
        found = reader.read(Records.of_catalogue(catalogue, np.zeros(len(catalogue))))
        return cls(reader.encoder, np.asarray(found.values, np.float32))

    def read(self, phrases: Sequence[str]) -> Floats:
        """Return the vectors of phrases, float32 [Q, K], unit length.

        Raises:
            MissingExtraError: the library tokenizers is not installed.
        """
        return self._encoder.vectors(phrases)

    @cached_property
    def _encoder(self) -> TextEncoder:
        return TextEncoder(self.bundle)
