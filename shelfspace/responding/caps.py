"""How often a shopper may be answered with an offer. O offers, C campaigns."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shelfspace.responding.learning import Ads
from shelfspace.responding.responses import Shown

Rows = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Caps:
    """What a shopper was shown lately, beside what they may be.

    shown: how often each offer was put before them within the span, int64 [O];  campaign: int32 [O], -1 for none;
    settings: the caps and their span.
    """

    shown: npt.NDArray[np.int64]
    campaign: Rows
    settings: Ads

    @classmethod
    def of(cls, log: Shown, campaign: Rows, user: int, time: float, settings: Ads) -> "Caps":
        """Count what the log has of a shopper, from a span before a moment up to it."""
        lately = (log.user == user) & (log.time <= time) & (log.time > time - settings.cap_span) & (user >= 0)
        return cls(np.bincount(log.offer[lately], minlength=len(campaign)), campaign, settings)

    def within(self, ranked: npt.NDArray[np.integer], k: int) -> tuple[list[int], dict[str, int]]:
        """Return the first k of the ranked offers that no cap forbids, and how many each cap passed over.

        The answer itself counts as shown once.
        """
        caps, passed = self.settings, Counter[str]()
        of_campaign = Counter(self.campaign[np.repeat(np.arange(len(self.shown)), self.shown)].tolist())
        room = max(0, caps.total_cap - int(self.shown.sum())) if caps.total_cap else len(ranked)
        chosen: list[int] = []
        for offer in ranked.tolist():
            if len(chosen) >= min(k, room):
                break
            campaign = int(self.campaign[offer])
            if caps.offer_cap and self.shown[offer] >= caps.offer_cap:
                passed["offer_cap"] += 1
            elif caps.campaign_cap and campaign >= 0 and of_campaign[campaign] >= caps.campaign_cap:
                passed["campaign_cap"] += 1
            else:
                chosen.append(offer)
                of_campaign[campaign] += 1
        left = len(ranked) - len(chosen) - sum(passed.values())
        if room < k and left > 0:
            passed["total_cap"] = left
        return chosen, dict(passed)

    def said(self, passed: dict[str, int]) -> Iterator[str]:
        """Say what was capped."""
        for name, num in passed.items():
            limit, span = getattr(self.settings, name), self.settings.cap_span
            yield f"{num:,} offers held back by {name} = {limit} within cap_span = {span:g}"
