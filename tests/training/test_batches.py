import numpy as np
import pytest
import torch

from shelfspace.shop.history import History
from tests.learning.tastes import NUM_ITEMS, NUM_USERS, Loop, catalogue, history, learner


def term(objective=None, past=None, **sections):
    given = objective or {"use": "infonce", "pairs": "next_item"}
    return learner(objectives=[given], **sections)._terms(past or history(), catalogue())[0]


def drawn_pairs(some, size, seed=0):
    for deck in some.decks().values():
        deck.dealt = 0
    return some.mix.draw(np.random.default_rng(seed), size)[1]


@pytest.mark.parametrize("pairs", ["next_item", "user_item", "basket", "two_views"])
def test_a_batch_says_of_every_pair_what_was_drawn(pairs):
    some = term({"use": "infonce", "pairs": pairs}, negatives={"use": "in_batch"})
    expected, batch = drawn_pairs(some, 50), some.draw(np.random.default_rng(0), 50)
    candidates = batch.rows[batch.candidate]
    assert torch.equal(candidates, batch.candidate_id)
    assert batch.candidate_id.tolist() == sorted({*expected.positive.tolist()})
    assert candidates[batch.positive].tolist() == expected.positive.tolist()
    assert batch.rows.tolist() == sorted({*batch.rows.tolist()})
    assert batch.views == (pairs == "two_views")
    if expected.kind == "user":
        assert batch.anchor is None
        taken = batch.rows[batch.place][batch.past.mask]
        assert torch.equal(taken, batch.past.item[batch.past.mask])
    else:
        assert batch.past is None
        assert batch.rows[batch.anchor].tolist() == expected.anchor.tolist()


def test_a_history_ends_before_its_positive():
    some = term(user={"length": 5})
    expected, batch = drawn_pairs(some, 60), some.draw(np.random.default_rng(0), 60)
    past = history()
    for row, (user, stop) in enumerate(zip(expected.anchor, expected.stop, strict=True)):
        known = past.item[max(past.indptr[user], stop - 5) : stop].tolist()
        assert batch.past.item[row][batch.past.mask[row]].tolist() == known
        assert batch.past.user[row] == user
        assert past.item[stop] == expected.positive[row]


def test_candidates_are_the_positives_and_what_was_added_once_each():
    some = term(negatives={"use": "uniform", "num_negatives": 500})
    batch = some.draw(np.random.default_rng(0), 20)
    ever = np.flatnonzero(some.mix.counts() > 0)
    assert len(set(batch.candidate_id.tolist())) == len(batch.candidate_id) > 50
    assert batch.also.shape == (20, len(batch.candidate_id))
    whole = term({"use": "softmax"}, negatives={"use": "catalogue"}).draw(np.random.default_rng(0), 20)
    assert whole.candidate_id.tolist() == ever.tolist()
    assert whole.log_q.unique().numel() == 1  # all alike: what is certain needs no correction


def test_what_a_user_took_is_no_negative_of_theirs():
    some = term(negatives={"use": "catalogue"})
    expected, batch = drawn_pairs(some, 40), some.draw(np.random.default_rng(0), 40)
    taken = history().matrix().toarray()[:, batch.candidate_id] > 0
    np.testing.assert_array_equal(batch.also.numpy(), taken[expected.anchor])


@pytest.mark.parametrize("negatives", [{"use": "in_batch"}, {"use": "uniform", "num_negatives": 12}])
def test_log_q_is_the_log_of_the_chance_to_be_among_the_candidates(negatives):
    some, rng, size, times = term(negatives=negatives), np.random.default_rng(0), 30, 1500
    seen, told = np.zeros(NUM_ITEMS), np.full(NUM_ITEMS, np.nan)
    for _ in range(times):
        batch = some.draw(rng, size)
        seen[batch.candidate_id] += 1
        told[batch.candidate_id] = batch.log_q
    often = seen > 100
    assert often.sum() > 50
    np.testing.assert_allclose(np.exp(told[often]), seen[often] / times, atol=0.08)
    assert (told[often] <= 0).all()


def test_rows_that_are_no_users_have_no_profile():
    """The last 50 rows are anonymous sessions."""
    some = term()
    some.num_named = NUM_USERS - 50
    expected, batch = drawn_pairs(some, 200), some.draw(np.random.default_rng(0), 200)
    named = expected.anchor < NUM_USERS - 50
    assert (~named).any()
    assert batch.past.user.tolist() == np.where(named, expected.anchor, -1).tolist()


def test_a_batch_of_one_distinct_item_has_one_candidate():
    past = History.of([0, 0, 1, 1], [7, 7, 7, 7], [0, 1, 0, 1], num_users=NUM_USERS, num_items=NUM_ITEMS)
    batch = term(past=past, negatives={"use": "in_batch"}).draw(np.random.default_rng(0), 9)
    assert batch.rows.tolist() == batch.candidate_id.tolist() == [7]
    assert not batch.positive.any()
    assert torch.isfinite(batch.log_q).all()


def test_propensity_weighs_what_is_popular_less():
    some = term({"use": "infonce", "pairs": "next_item", "propensity": 0.8})
    expected, batch = drawn_pairs(some, 300), some.draw(np.random.default_rng(0), 300)
    often = some.mix.counts()[expected.positive] ** 0.8
    np.testing.assert_allclose(batch.weight.numpy() * often, float(batch.weight[0]) * often[0], rtol=1e-4)
    assert batch.weight.max() > 1.2 * batch.weight.min()
    assert term().draw(np.random.default_rng(0), 300).weight.unique().tolist() == [1.0]


def test_the_same_generator_draws_the_same_batch():
    some = term()
    one, two = (some.draw(np.random.default_rng(3), 25) for _ in range(2))
    for name in ("rows", "candidate", "positive", "also", "log_q", "place"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name


TRANSFORMER = {"use": "transformer", "num_heads": 2, "dropout": 0.0, "length": 50}


@pytest.mark.parametrize("stretch", [1, 3, 30])
@pytest.mark.parametrize("pairs", ["next_item", "next_basket", "user_item"])
def test_packed_histories_give_the_vectors_of_padded_ones(pairs, stretch):
    """Also of those drawn together, each of which knows what came before it alone."""
    some = Loop(
        objectives=[{"use": "infonce", "pairs": pairs}], pairs={pairs: {"stretch": stretch}}, user=TRANSFORMER
    )
    model, term = some.model.eval(), some.terms[0]
    batch = term.draw(np.random.default_rng(0), 90)
    drawn = drawn_pairs(term, 90)
    vectors = model.all_items()
    found = model.users(batch.past, model.items(batch.rows), batch.place)
    term.packs = False
    padded = term._past(drawn)
    torch.testing.assert_close(found, model.users(padded, vectors, padded.item))
    if stretch == 30:
        assert len(batch.past.item) * batch.past.item.shape[1] < 0.7 * padded.mask.sum()


def test_the_first_of_a_stretch_knows_at_least_half_as_much_as_is_read():
    changes = {"objectives": [{"use": "infonce"}], "pairs": {"next_item": {"stretch": 4}}}
    some = term(user={**TRANSFORMER, "length": 5}, **{k: v for k, v in changes.items() if k == "pairs"})
    batch, expected = some.draw(np.random.default_rng(0), 60), drawn_pairs(some, 60)
    segment, at = batch.past.segment.flatten(), batch.past.at
    for row, (user, stop) in enumerate(zip(expected.anchor, expected.stop, strict=True)):
        upto = segment[: at[row] + 1]
        known = int((upto == segment[at[row]]).sum())
        assert min(3, stop - history().indptr[user]) <= known
        assert batch.past.item.flatten()[at[row]] == history().item[stop - 1]


def test_the_candidates_of_histories_are_the_partners_and_those_alike_are_no_negatives():
    some = term({"use": "infonce", "pairs": "two_histories"}, user=TRANSFORMER)
    batch, expected = some.draw(np.random.default_rng(0), 40), drawn_pairs(some, 40)
    assert batch.positive.tolist() == list(range(40))
    alike = expected.positive[:, None] == expected.positive
    alike |= expected.anchor[:, None] == expected.partner
    assert torch.equal(batch.also, torch.from_numpy(alike))
    assert len(batch.other.at) == 40
    assert len(batch.rows[batch.other_place].unique()) > 5


def test_what_is_hidden_is_where_it_is_read_out():
    some = term({"use": "infonce", "pairs": "hidden_item"}, user={**TRANSFORMER, "causal": False})
    batch = some.draw(np.random.default_rng(0), 40)
    assert batch.past.hidden.flatten()[batch.past.at].all()
    assert batch.past.hidden.sum() <= 40
    items = batch.past.item.flatten()[batch.past.at]
    assert torch.equal(items, batch.candidate_id[batch.positive])


def test_an_objective_may_have_a_batch_of_its_own_size():
    some = term({"use": "infonce", "pairs": "next_item", "batch_size": 7})
    assert len(some.draw(np.random.default_rng(0), 50).positive) == 7
