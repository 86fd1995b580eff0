"""What `ads` learnt, as it is kept with a space."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from shelfspace.config import settings_of
from shelfspace.responding.features import Past
from shelfspace.responding.learning import Ads
from shelfspace.responding.model import Model
from shelfspace.responding.offers import Offers
from shelfspace.responding.profile import Profile
from shelfspace.responding.responses import Responses, Shown
from shelfspace.responding.snapshots import Snapshot
from shelfspace.shop.catalogue import Catalogue
from shelfspace.shop.history import History
from shelfspace.shop.ids import Ids


@dataclass(frozen=True)
class FittedAds:
    """Chances, and what they are asked with.

    now: the end of the log, days or steps;  shown: what caps are counted from;  measured: as in `metrics.json`, empty
    where there was too little to measure;  notes: what was left out.
    """

    settings: Ads
    model: Model
    offers: Offers
    log: Responses
    shown: Shown
    profile: Profile
    snapshot: Snapshot
    now: float
    measured: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def past(self, history: History, catalogue: Catalogue) -> Past:
        """Return what is known, with the events and the items of the space."""
        return Past(
            history,
            catalogue,
            self.offers,
            self.log,
            self.profile,
            (self.snapshot,),
            self.settings.half_life,
        )

    def files(self) -> dict[str, bytes]:
        """Return it as files: settings and model as JSON, offers as Parquet, the rest as npz."""
        about = {
            "settings": settings_of(self.settings),
            "model": self.model.to_json(),
            "profile": self.profile.names,
            "now": self.now,
            "measured": self.measured,
            "notes": self.notes,
        }
        items = self.offers.items
        arrays = {
            "items/indices": items.indices,
            "items/indptr": items.indptr,
            "profile": self.profile.values,
            **{f"log/{one.name}": getattr(self.log, one.name) for one in fields(Responses)},
            **{f"shown/{one.name}": getattr(self.shown, one.name) for one in fields(Shown)},
            **{f"snapshot/{name}": getattr(self.snapshot, name) for name in ("usual", "vectors")},
        }
        packed, offers = io.BytesIO(), io.BytesIO()
        np.savez_compressed(packed, **arrays)
        pq.write_table(self.offers.table.append_column("offer_id", self.offers.ids.array), offers)
        return {
            "ads.json": json.dumps(about, indent=1).encode(),
            "offers.parquet": offers.getvalue(),
            "arrays.npz": packed.getvalue(),
        }

    @classmethod
    def read(cls, file: Callable[[str], bytes]) -> Self:
        """Take what `files` gave; `file` reads one by its name.

        Raises:
            ValueError, KeyError, ArrowException: a file is not what was written.
        """
        about = json.loads(file("ads.json"))
        table = pq.read_table(pa.BufferReader(file("offers.parquet")))
        with np.load(io.BytesIO(file("arrays.npz")), allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
        indices, indptr = arrays["items/indices"], arrays["items/indptr"]
        usual = arrays["snapshot/usual"]
        items = sparse.csr_array(
            (np.ones(len(indices), np.float32), indices, indptr), shape=(len(indptr) - 1, len(usual))
        )
        ids = Ids(table["offer_id"].combine_chunks(), "offer")
        return cls(
            settings=Ads(**about["settings"]),
            model=Model(**about["model"]),
            offers=Offers(ids, items, table.drop_columns(["offer_id"])),
            log=Responses(**{one.name: arrays[f"log/{one.name}"] for one in fields(Responses)}),
            shown=Shown(**{one.name: arrays[f"shown/{one.name}"] for one in fields(Shown)}),
            profile=Profile(about["profile"], arrays["profile"]),
            snapshot=Snapshot(about["now"], usual, arrays["snapshot/vectors"]),
            now=about["now"],
            measured=about["measured"],
            notes=tuple(about["notes"]),
        )
