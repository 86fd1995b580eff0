"""How views are weighed, and when a chance is high enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from scipy.stats import beta

from shelfspace.classifying.fusing import NEVER, PRIOR, Fusions, Scored, lowest_threshold
from shelfspace.classifying.labels import Classes

THREE = Classes((("a",), ("b",), ("c",)))


def scored_of(num: int, seed: int, *, missing: float = 0.0) -> tuple[Scored, np.ndarray]:
    """Return a view that says the log chance at a third of its scale, and one that says nothing."""
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet([0.6, 0.4, 0.5], size=num)
    code = np.array([rng.choice(3, p=row) for row in chance])
    scores = {
        "telling": (np.log(chance + 1e-6) / 3).astype(np.float32),
        "noise": rng.normal(size=(num, 3)).astype(np.float32),
    }
    present = {name: rng.random(num) >= missing for name in scores}
    for name, there in present.items():
        scores[name][~there] = 0.0
    return Scored(scores, present, np.log(np.full(3, 1 / 3))), code


def test_weights_undo_the_scale_and_noise_counts_nothing():
    scored, code = scored_of(4000, 0)
    fusion = Fusions.fit(scored, code, THREE, 0.9, 0).of(("noise", "telling"))
    assert fusion.weights["telling"] == pytest.approx(3.0, abs=0.3)
    assert fusion.weights["noise"] < 0.1


def test_chances_come_true_as_often_as_they_say():
    scored, code = scored_of(4000, 0)
    fusions = Fusions.fit(scored, code, THREE, 0.9, 0)
    new, truth = scored_of(4000, 1)
    chance, _ = fusions.chance(new)
    np.testing.assert_allclose(chance.sum(axis=1), 1.0)
    best = chance.argmax(axis=1)
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        some = (chance.max(axis=1) >= low) & (chance.max(axis=1) < high)
        assert chance.max(axis=1)[some].mean() == pytest.approx((best == truth)[some].mean(), abs=0.05)


def test_weights_maximise_the_likelihood():
    scored, code = scored_of(500, 0)
    fusion = Fusions.fit(scored, code, THREE, 0.9, 0).of(("telling",))

    def likelihood(weight: float) -> float:
        logits = weight * scored.scores["telling"].astype(np.float64)
        return float(log_softmax(logits, axis=1)[np.arange(500), code].mean())

    best = likelihood(fusion.weights["telling"])
    assert best >= max(likelihood(w) for w in np.linspace(0.5, 6.0, 100)) - 5e-3


def test_the_mean_chance_is_the_share_that_is_right_where_scores_are_no_log_chances():
    scored, code = scored_of(2000, 0)
    bent = {name: np.sign(rows) * rows**2 for name, rows in scored.scores.items()}
    scored = Scored(bent, scored.present, scored.log_prior)
    chance = Fusions.fit(scored, code, THREE, 0.9, 0).of(("telling",)).chance(scored)
    right = (chance.argmax(axis=1) == code).mean()
    assert chance.max(axis=1).mean() == pytest.approx(right, abs=2e-3)


def test_a_listing_is_judged_by_what_it_has():
    scored, code = scored_of(3000, 0, missing=0.4)
    fusions = Fusions.fit(scored, code, THREE, 0.8, 0)
    chance, threshold = fusions.chance(scored)
    blind = ~scored.present["telling"] & ~scored.present["noise"]
    np.testing.assert_allclose(chance[blind], 1 / 3)
    assert (threshold[blind] == NEVER).all()
    assert fusions.of(("telling",)).threshold < NEVER
    assert fusions.of(("noise",)).threshold == NEVER
    assert fusions.of(("telling", "unheard of")) is fusions.of(("telling",))


def test_parts_sum_to_the_log_odds():
    scored, code = scored_of(200, 0)
    fusion = Fusions.fit(scored, code, THREE, 0.9, 0).of(("noise", "telling"))
    parts, chance = fusion.parts(scored), fusion.chance(scored)
    assert set(parts) == {"noise", "telling", PRIOR}
    added = sum(part[:, 0] - part[:, 1] for part in parts.values())
    np.testing.assert_allclose(added, np.log(chance[:, 0] / chance[:, 1]), atol=1e-6)


@given(seed=st.integers(0, 200), num=st.integers(1, 400), precision=st.floats(0.5, 0.95))
def test_the_threshold_is_the_lowest_at_which_the_bound_holds(seed: int, num: int, precision: float):
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet([0.3] * 3, size=num)
    code = np.array([rng.choice(3, p=row) for row in chance])
    threshold = lowest_threshold(THREE, chance, code, precision)

    def bound(least: float) -> float:
        said = chance.max(axis=1) >= least
        right = int((chance.argmax(axis=1) == code)[said].sum())
        return float(beta.ppf(0.05, right, int(said.sum()) - right + 1)) if right else 0.0

    if threshold == NEVER:
        assert max(map(bound, np.linspace(0.5, 0.98, 49))) < precision
    else:
        assert bound(threshold) >= precision
        assert threshold == pytest.approx(0.5) or bound(threshold - 0.01) < precision or threshold > 0.98


def test_of_twenty_nine_all_must_be_right_and_twenty_eight_are_too_few():
    chance = np.tile([0.97, 0.02, 0.01], (29, 1))
    right = np.zeros(29, np.int64)
    assert lowest_threshold(THREE, chance, right, 0.9) < NEVER
    assert lowest_threshold(THREE, chance[1:], right[1:], 0.9) == NEVER
    assert lowest_threshold(THREE, chance, np.r_[right[1:], 1], 0.9) == NEVER


def test_a_broader_part_of_the_true_path_is_right():
    classes = Classes((("a", "x"), ("a", "y"), ("b", "z")))
    rng = np.random.default_rng(0)
    chance, code = np.tile([0.49, 0.48, 0.03], (300, 1)), rng.integers(2, size=300)
    threshold = lowest_threshold(classes, chance, code, 0.9)
    answer = classes.longest(classes.sure(chance), threshold)
    assert {classes.prefixes[n] for n in answer} == {("a",)}
