"""A score shared out among past items, by what is lost when each is left out. P past items, C items asked."""

import numpy as np
import numpy.typing as npt

from shelfspace.linear.retriever import Reason


def shared_out(
    scores: npt.NDArray[np.floating], lost: npt.NDArray[np.floating], taken: npt.NDArray[np.integer]
) -> list[list[Reason]]:
    """Return the parts of each score, the largest first; they sum to it.

    Args:
        scores: [C].
        lost: [P, C], what each score's logit loses without each past item, not below 0; where nothing is lost the
            whole score is the shop's (-1).
        taken: [P], the past items; parts of one item are added.
    """
    found = []
    for column, score in enumerate(scores):
        total = float(lost[:, column].sum())
        if total <= 0:
            found.append([Reason(-1, float(score))] if score else [])
            continue
        by_item: dict[int, float] = {}
        for item, part in zip(taken.tolist(), (lost[:, column] / total).tolist(), strict=True):
            by_item[item] = by_item.get(item, 0.0) + part * float(score)
        parts = [Reason(item, amount) for item, amount in by_item.items() if amount]
        found.append(sorted(parts, key=lambda r: -r.amount))
    return found
