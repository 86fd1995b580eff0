import numpy as np
import pytest
import torch

from shelfspace.errors import ConfigError
from shelfspace.learning.factors import DEVIATION, NOISE, begin_from_factors
from shelfspace.shop.history import History
from tests.learning.tastes import NUM_ITEMS, TABLE, history, learn, made, plan, taste_of

FACTORS = {"encoders": {**TABLE["encoders"], "ids": {"start": "factors"}}, "profile": {}}


def table_of(towers):
    return towers.model.item.encoder("ids").table.weight.detach().double().numpy()


def test_it_is_the_singular_vectors_of_who_took_what_and_noise():
    wide = {**FACTORS, "model": {"embedding_dim": 48}}  # so many that the factorisation is exact
    some, towers = plan(**wide), made(**wide)
    noise = table_of(towers).copy()
    begin_from_factors(towers, some, history())
    taken = history().matrix().toarray().astype(np.float64)
    lengths, degree = np.maximum(taken.sum(axis=1), 1e-30), np.maximum(taken.sum(axis=0), 1e-30)
    _, values, right = np.linalg.svd(taken * lengths[:, None] ** -0.25 * degree**-0.4, full_matrices=False)
    vectors = right[:48].T * np.sqrt(values[:48])
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.where(length > 1e-6, vectors / np.maximum(length, 1e-12), 0.0)
    length = DEVIATION * np.sqrt(48)
    found = table_of(towers) / length - NOISE * noise
    signs = np.sign((found * vectors).sum(axis=0))  # a singular vector may point either way
    np.testing.assert_allclose(found, vectors * signs, atol=2e-4)
    np.testing.assert_allclose(found[-1], 0.0, atol=1e-7)  # nobody took it


def test_only_a_table_that_asks_for_it_is_changed():
    plain = {**FACTORS, "encoders": TABLE["encoders"]}
    towers = made(**plain)
    before = {k: v.clone() for k, v in towers.model.state_dict().items()}
    begin_from_factors(towers, plan(**plain), history())
    assert all(torch.equal(v, before[k]) for k, v in towers.model.state_dict().items())
    towers = made(**FACTORS)
    before = {k: v.clone() for k, v in towers.model.state_dict().items()}
    begin_from_factors(towers, plan(**FACTORS), history())
    changed = [k for k, v in towers.model.state_dict().items() if not torch.equal(v, before[k])]
    assert changed == ["item.fields.field_ids.table.weight"]


def test_more_dimensions_than_users_and_nothing_taken_are_no_trouble():
    some = plan(**FACTORS)
    for user, item in ([0, 1], [3, 4]), ([], []):
        few = History.of(user, item, num_users=2, num_items=NUM_ITEMS, clock="none")
        towers = made(**FACTORS)
        begin_from_factors(towers, some, few)
        assert np.isfinite(table_of(towers)).all()


def test_before_any_training_items_of_a_taste_lie_together():
    sections = {**FACTORS, "encoders": {"ids": {"start": "factors"}}, "fusion": {"use": "mean"}}
    towers = made(**sections)
    begin_from_factors(towers, plan(**sections), history())
    vectors = towers.model.all_items().numpy()[:50]
    cosine = vectors @ vectors.T
    same = taste_of(np.arange(50))[:, None] == taste_of(np.arange(50))
    np.fill_diagonal(cosine, np.nan)
    assert np.nanmean(cosine[same]) > np.nanmean(cosine[~same]) + 0.2


def test_it_trains_and_answers():
    learnt = learn(**FACTORS)
    assert np.isfinite(learnt.vectors).all()


def test_a_start_that_is_unknown_is_refused():
    with pytest.raises(ConfigError, match="factors"):
        plan(encoders={"ids": {"start": "svd"}})
