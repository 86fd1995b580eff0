"""How the models are put together: weights for all, weights of slices, and where it pays a ranker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shelfspace.blend import Mode
from shelfspace.config import extra
from shelfspace.errors import ConfigError
from shelfspace.evaluation.collecting import Collected, collect
from shelfspace.evaluation.mixing import Mix, mix_of
from shelfspace.evaluation.own_weights import values_of, with_slices
from shelfspace.features import Facts
from shelfspace.linear.retriever import Retriever
from shelfspace.shop.cases import Cases
from shelfspace.shop.catalogue import Catalogue


@dataclass(kw_only=True)
class Mixing:
    """`[blend]`: how the models are put together.

    Args:
        models: which may enter; all, where empty.
        num_candidates: how many candidates each names.
        use: `sum`, the weighted sum; `lambdarank`, trees on top of it (extra `[rank]`); `auto`, what validation says.
        slices: `auto`: kinds of query that are better off with weights of their own have them; or `none`.
        standard_errors: how many standard errors of the paired difference a model, a slice or a ranker must be worth on
            validation; 0: any gain is believed.
    """

    models: list[str] = field(default_factory=list)
    num_candidates: int = 100
    use: Literal["sum", "lambdarank", "auto"] = "sum"
    slices: Literal["auto", "none"] = "auto"
    standard_errors: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be, and look whether the trees can be grown."""
        if not 0 <= self.standard_errors < float("inf"):
            raise ConfigError(
                f"[blend] standard_errors = {self.standard_errors}: give a number of 0 or more; 1 is usual"
            )
        if self.use != "sum":
            _growing()

    @property
    def num_windows(self) -> int:
        """On how many windows of validation the models must be fitted: a ranker is judged on one it has not seen."""
        return 1 if self.use == "sum" else 2


def blended(
    validation: Mapping[Mode, Sequence[Cases]],
    fitted: Sequence[Mapping[str, Retriever]],
    catalogue: Catalogue,
    mixing: Mixing,
    *,
    k: int,
    max_cases: int,
    seed: int,
) -> dict[Mode, Mix]:
    """Choose, on validation, how the models are put together for each mode.

    Args:
        validation: the windows of each mode, the latest first.
        fitted: the models fitted on the past of each window, as many windows as `mixing.num_windows` or fewer.
        catalogue: the items.
        mixing: the settings.
        k: where NDCG is cut.
        max_cases: how many cases of a window are used.
        seed: of every draw.
    """
    mixes = dict[Mode, Mix]()
    for mode, windows in validation.items():
        scales = mixes["new"].scales if "new" in mixes else None
        known = list[tuple[Collected, Facts]]()
        for cases, models in zip(windows, fitted, strict=False):  # weights need the latest window alone
            table = collect(
                [(cases, models)],
                num_candidates=mixing.num_candidates,
                max_cases=max_cases,
                scales=known[0][0].scales if known else scales,
                seed=seed,
            )
            known.append((table, Facts.of(cases.fit, catalogue)))
        latest = known[0][0]
        mix = mix_of(latest, k=k, standard_errors=mixing.standard_errors)
        if mixing.slices == "auto":
            mix = with_slices(latest, mix, k=k, standard_errors=mixing.standard_errors, seed=seed)
        if mixing.use != "sum":
            mix = _growing().ranked(
                known,
                mix,
                values_of(latest, mix, k),
                k=k,
                repeats=mode == "any",
                num_candidates=mixing.num_candidates,
                standard_errors=mixing.standard_errors,
                always=mixing.use == "lambdarank",
                seed=seed,
            )
        mixes[mode] = mix
    return mixes


def _growing() -> Any:
    return extra("shelfspace.evaluation.learning_to_rank", "lightgbm", "'shelfspace[rank]'")
