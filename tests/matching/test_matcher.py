"""From listings to pairs, on listings that two writers wrote of the same products."""

import dataclasses

import numpy as np
import pytest

from shelfspace.errors import ConfigError
from shelfspace.matching.blocking import Pairs, pairs_of
from shelfspace.matching.fitted import FittedMatch, kept
from shelfspace.matching.labelled import Labelled
from shelfspace.matching.listings import Listings
from shelfspace.matching.matcher import Match, Matcher, best_threshold, context_of, fitted

BRANDS = ("sony", "bosch", "lg", "canon", "华为")
THINGS = ("camera", "washer", "speaker", "tv", "手机")
COLOURS = ("black", "white", "silver", "红色")


def two_writers(size: int = 120, *, seed: int = 0, twins: float = 0.7) -> tuple[Listings, Pairs]:
    """Listings of two sources, of which a share is of the same products, and the pairs of these."""
    rng = np.random.default_rng(seed)
    titles, source, true = [], [], []
    for n in range(size):
        brand, thing, colour = (str(rng.choice(names)) for names in (BRANDS, THINGS, COLOURS))
        code = "".join(rng.choice(list("abcdefghk"), 3)) + str(rng.integers(10, 999))
        titles.append(f"{brand} {thing} {code} {colour}")
        source.append(0)
        if rng.random() < twins:
            true.append((n, size + len(titles) - n - 1))
    other = []
    for a, _ in true:
        words = titles[a].split()
        code = words[2][:3] + "-" + words[2][3:]
        other.append(f"{words[0]} {code} {words[1]}" + (f" {words[3]}" if rng.random() < 0.5 else " new"))
    pairs = [(a, size + n) for n, (a, _) in enumerate(true)]
    for _ in range(size - len(other)):
        code = "".join(rng.choice(list("mnopqrst"), 3)) + str(rng.integers(10, 999))
        other.append(f"{rng.choice(BRANDS)} {code} {rng.choice(THINGS)} new")
    listings = Listings(
        titles + other, titles + other, np.full(2 * size, np.nan), np.repeat([0, 1], size).astype(np.int32)
    )
    return listings, pairs_of(np.array(pairs))


def labels(listings: Listings, true: Pairs, *, seed: int = 0) -> tuple[Labelled, np.ndarray]:
    """Label the true pairs and as many others, in three parts by left listing."""
    compared = Matcher(Match()).compared(listings, true)
    places = compared.places(true)
    label = np.zeros(len(compared.pairs), bool)
    label[places] = True
    rng = np.random.default_rng(seed)
    part = np.array(["train", "train", "valid", "test"])[
        rng.integers(4, size=len(listings))[compared.pairs.left]
    ]
    return Labelled(compared.pairs, label, part), label


def f1(said: np.ndarray, label: np.ndarray) -> float:
    return float(2 * (said & label).sum() / (said.sum() + label.sum()))


def test_without_labels_most_pairs_are_found_and_few_wrong_ones():
    listings, true = two_writers()
    matcher = Matcher(Match())
    compared = matcher.compared(listings)
    found = matcher.found(compared)
    label = np.isin(found.pairs.left * 1000 + found.pairs.right, true.left * 1000 + true.right)
    assert f1(found.said, label) > 0.9
    assert len(np.unique(found.pairs.left[found.said])) == found.said.sum()
    assert found.chance[found.said].mean() == pytest.approx(label[found.said].mean(), abs=0.1)


def test_with_labels_what_is_held_out_is_found_and_saved_trees_say_the_same():
    listings, true = two_writers(200, seed=1)
    labelled, label = labels(listings, true)
    compared = Matcher(Match()).compared(listings, labelled.pairs)
    matcher = fitted(Match(), compared, labelled)
    assert set(matcher.trees) == {"pair", "context"}
    found = matcher.found(compared)
    held_out = labelled.split == "test"
    assert f1(found.said[held_out], label[held_out]) > 0.95
    files = FittedMatch(matcher, kept(found)).files()
    again = FittedMatch.read(files.__getitem__)
    np.testing.assert_array_equal(again.matcher.chance(compared), found.chance)
    assert again.matcher.threshold == matcher.threshold
    with pytest.raises(ValueError, match=r"pair-0\.txt is not what was written"):
        FittedMatch.read((files | {"pair-0.txt": files["pair-0.txt"][:-10]}).__getitem__)


def test_parts_sum_to_the_log_odds():
    listings, true = two_writers(120, seed=2)
    labelled, _ = labels(listings, true)
    compared = Matcher(Match()).compared(listings, labelled.pairs)
    some = compared.pairs.take(np.arange(5))
    for settings in (Match(), Match(context=False)):
        matcher = fitted(settings, compared, labelled)
        chance = matcher.chance(compared)[:5]
        sums = [sum(parts.values()) for parts in matcher.parts(compared, some)]
        np.testing.assert_allclose(sums, np.log(chance / (1 - chance)), atol=1e-6)
    plain = [sum(parts.values()) for parts in Matcher(Match()).parts(compared, some)]
    np.testing.assert_allclose(plain, compared.likeness[:5], rtol=1e-6)


def test_the_same_seed_learns_the_same():
    listings, true = two_writers(80, seed=3)
    labelled, _ = labels(listings, true)
    compared = Matcher(Match()).compared(listings, labelled.pairs)
    assert fitted(Match(), compared, labelled).trees == fitted(Match(), compared, labelled).trees


def test_one_class_only_teaches_nothing():
    listings, true = two_writers(80, seed=4)
    one_class = Labelled(true, np.ones(len(true), bool), np.full(len(true), "train"))
    compared = Matcher(Match()).compared(listings, true)
    assert fitted(Match(), compared, one_class).trees == {}


def test_of_thinned_catalogues_only_what_is_there_has_a_context():
    listings, true = two_writers(30, seed=5)
    compared = Matcher(Match()).compared(listings, true)
    chance = np.linspace(0.01, 0.99, len(compared.pairs))
    kept_pairs = np.arange(len(chance)) % 2 == 0
    table = context_of(compared, chance, kept_pairs)
    assert np.isnan(table[~kept_pairs]).all()
    alone = dataclasses.replace(
        compared, pairs=compared.pairs.take(kept_pairs), evidence=compared.evidence[kept_pairs]
    )
    np.testing.assert_array_equal(table[kept_pairs], context_of(alone, chance[kept_pairs]))


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(0)
    for _ in range(20):
        label, chance = rng.random(30) < 0.4, rng.random(30).round(1)
        label[0] = True
        best = max(f1(chance >= t, label) for t in chance)
        assert f1(chance >= best_threshold(label, chance), label) == best


def test_no_listings_have_no_pairs():
    empty = Listings(["", ""], ["", ""], np.full(2, np.nan))
    matcher = Matcher(Match())
    assert len(matcher.found(matcher.compared(empty)).pairs) == 0


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="num_candidates = 0"):
        Match(num_candidates=0)
    with pytest.raises(ConfigError, match="num_parts = 1"):
        Match(num_parts=1)


def test_a_pair_that_was_not_compared_has_no_place():
    listings, true = two_writers(20, seed=6)
    compared = Matcher(Match()).compared(listings, true)
    np.testing.assert_array_equal(compared.pairs.take(compared.places(true)).right, true.right)
    apart = Matcher(Match(num_candidates=1)).compared(listings)
    known = set(zip(apart.pairs.left.tolist(), apart.pairs.right.tolist(), strict=True))
    missing = next((a, b) for a in range(20) for b in range(20, 40) if (a, b) not in known)
    with pytest.raises(ValueError, match="was not compared"):
        apart.places(pairs_of(np.array([missing])))
