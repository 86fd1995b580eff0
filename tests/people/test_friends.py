"""What speaks for a friendship, against the sums written out."""

import numpy as np
import pytest
from scipy import sparse

from shelfspace.evaluation.befriended import befriended
from shelfspace.people.friends import SIGNS, Closeness, scored
from shelfspace.people.graph import SocialGraph
from shelfspace.people.learning import USUAL, hidden, learnt_weights
from shelfspace.people.tastes import unit
from shelfspace.shop.ids import Ids

SIZE = 60


def people(
    seed: int = 0, size: int = SIZE, links: int = 5
) -> tuple[SocialGraph, sparse.csr_array, sparse.csr_array]:
    """Return friends who live together in groups of ten, what they took, and a segment for each group."""
    rng = np.random.default_rng(seed)
    group = np.arange(size) // 10
    near = np.minimum(group.repeat(links) * 10 + rng.integers(10, size=size * links), size - 1)
    tail = np.where(rng.random(size * links) < 0.8, near, rng.integers(size, size=size * links))
    graph = SocialGraph.between(
        Ids([f"u{n}" for n in range(size)], "user"), np.arange(size).repeat(links), tail
    )
    taken = rng.random((size, 30)) < 0.05 + 0.3 * (np.arange(30)[None, :] % (size // 10) == group[:, None])
    taken[-1] = False
    segments = np.eye(size // 10)[group]
    as_csr = [sparse.csr_array(one.astype(np.float32)) for one in (taken, segments)]
    return graph, unit(as_csr[0]), as_csr[1]


@pytest.fixture(scope="module")
def known() -> Closeness:
    graph, tastes, segments = people()
    return Closeness.of(graph, tastes, segments)


def test_each_sign_is_its_sum_over_what_both_have(known: Closeness):
    edges = known.edges.toarray().astype(np.float64)
    degree = edges.sum(axis=1)
    friends = [set(np.flatnonzero(row)) for row in edges]
    tastes = known.tastes.toarray().astype(np.float64)
    theirs = edges @ tastes
    theirs /= np.maximum(np.linalg.norm(theirs, axis=1, keepdims=True), 1e-12)
    rows = np.array([3, 17, SIZE - 1])
    signs = known.signs(rows)
    assert tuple(signs) == SIGNS
    for n, a in enumerate(rows.tolist()):
        for b in range(SIZE):
            common = friends[a] & friends[b]
            expected = {
                "adamic_adar": np.log1p(sum(1 / np.log(max(degree[c], 2)) for c in common)),
                "resource": np.log1p(1000 * sum(1 / max(degree[c], 2) for c in common)),
                "three_steps": np.log1p(
                    1e4
                    * sum(
                        edges[c, d] / (degree[c] * degree[d] * np.sqrt(degree[a] * degree[b]))
                        for c in friends[a]
                        for d in friends[b]
                    )
                ),
                "taste": tastes[a] @ tastes[b],
                "friends_taste": tastes[a] @ theirs[b] + theirs[a] @ tastes[b],
                "profile": float(a // 10 == b // 10),
                "degree": np.log1p(degree[b]),
            }
            for name, value in expected.items():
                assert signs[name][n, b] == pytest.approx(value, rel=1e-4, abs=1e-5), name


def test_who_lives_in_the_same_part_of_the_graph_is_near(known: Closeness):
    near = known.embedding @ known.embedding.T
    same = np.equal.outer(np.arange(SIZE) // 10, np.arange(SIZE) // 10)
    assert near[same].mean() > near[~same].mean() + 0.2


def test_friends_and_oneself_are_never_suggested(known: Closeness):
    rows = np.arange(SIZE)
    scores = scored(known.signs(rows), dict.fromkeys(SIGNS, 1.0), known.strangers(rows))
    taken = (known.edges.toarray() > 0) | np.eye(SIZE, dtype=bool)
    assert np.isneginf(scores[taken]).all()
    assert np.isfinite(scores[~taken]).any()


def test_how_many_friends_one_has_alone_suggests_nobody():
    graph = SocialGraph.between(Ids(list("abcde"), "user"), np.array([0, 2]), np.array([1, 3]))
    nothing = sparse.csr_array((5, 3), dtype=np.float32)
    known = Closeness.of(graph, nothing, nothing)
    rows = np.array([0, 4])
    scores = scored(known.signs(rows), dict.fromkeys(SIGNS, 1.0), known.strangers(rows))
    assert np.isneginf(scores).all()  # two pairs that nothing joins, and one who knows nobody


def test_shared_friends_add_up_to_their_signs(known: Closeness):
    weights = {"adamic_adar": 0.7, "resource": 0.2}
    signs = known.signs(np.array([3]))
    for other in range(SIZE):
        _, amounts = known.through(3, other, weights)
        expected = sum(weight * signs[name][0, other] for name, weight in weights.items())
        assert amounts.sum() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_hidden_friendships_are_in_neither_graph_that_must_not_know_them():
    graph, _, _ = people(size=400)
    taught, asked = hidden(graph, 0.1, seed=1)
    for part in (taught, asked):
        assert part.graph.edges.multiply(part.hidden).nnz == 0
    assert taught.graph.edges.multiply(asked.hidden).nnz == 0  # what is learnt from knows of neither
    assert asked.graph.edges.multiply(taught.hidden).nnz == taught.hidden.nnz
    whole = asked.graph.edges + asked.hidden
    assert (whole != graph.edges).nnz == 0


def test_weights_are_of_what_speaks_for_and_taught_by_hidden_friendships():
    graph, tastes, segments = people(size=400)
    taught, asked = hidden(graph, 0.15, seed=1)
    weights = learnt_weights(Closeness.of(taught.graph, tastes, segments), taught, most=300, seed=0)
    assert set(weights) == set(SIGNS)
    assert all(weight >= 0 for weight in weights.values())
    assert weights["profile"] > 0  # who is of one's group is what friendship was made of
    found = befriended(Closeness.of(asked.graph, tastes, segments), asked, weights, most=300)
    better = found["differences"]["default - common_neighbours"]
    assert better["low"] > 0
    assert found["recall@10"]["default"]["value"] > 0.4


def test_too_few_friendships_teach_nothing():
    graph, tastes, segments = people(size=20, links=1)
    taught, asked = hidden(graph, 0.1, seed=0)
    known = Closeness.of(taught.graph, tastes, segments)
    assert learnt_weights(known, taught, most=10, seed=0) == USUAL
    alone = SocialGraph.of(None, graph.people, Ids(["i"], "item"))
    nobody = Closeness.of(alone, tastes, segments)
    assert np.isfinite(scored(nobody.signs(np.array([0])), USUAL, nobody.strangers(np.array([0])))).any()
    taught, asked = hidden(alone, 0.1, seed=0)
    assert befriended(nobody, asked, USUAL, most=10) == {}
