import json

import pytest

from shelfspace.errors import ConfigError
from shelfspace.learning.settings import LearningPlan
from shelfspace.training.optimisation import Optimisation
from tests.learning.tastes import TABLE, plan


def of(**sections):
    return LearningPlan.of({**TABLE, **sections}, Optimisation())


def test_a_run_without_objectives_learns_nothing():
    assert of(objectives=[]) is None
    assert LearningPlan.of({}, Optimisation()) is None


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"model": {"embedding_dim": 0}}, r"\[model\] embedding_dim = 0"),
        ({"model": {"embeding_dim": 8}}, r"'embeding_dim'; did you mean 'embedding_dim'"),
        ({"model": {"unit": "yes"}}, r"\[model\] unit = 'yes'"),
        ({"encoders": {}}, r"\[encoders\] is empty"),
        ({"encoders": {"title": False}}, r"\[encoders\] is empty"),
        ({"encoders": {"title": 3}}, r"encoders\.title = 3"),
        ({"encoders": {"title": {}}}, r"\[encoders\.title\] use = 'title' is unknown"),
        ({"encoders": {"title": {"use": "hashd"}}}, r"did you mean 'hashed'"),
        ({"encoders": {"ids": {"dropout": 1.0}}}, r"dropout = 1\.0"),
        ({"encoders": {"a.b": {"use": "hashed"}}}, r"\[encoders\] 'a\.b'"),
        ({"profile": {"a/b": {"use": "attributes"}}}, r"\[profile\] 'a/b'"),
        ({"fusion": {"use": "gate"}}, r"\[fusion\] use = 'gate'.*did you mean 'gated'"),
        ({"fusion": {"use": "attention", "num_heads": 3}}, r"num_heads = 3"),
        ({"user": {"use": "recency", "half_life": -1.0}}, r"half_life = -1\.0"),
        ({"user": {"length": -1}}, r"\[user\] length = -1"),
        ({"user": {"age": "weeks"}}, r"\[user\] age = 'weeks'"),
        ({"user": {"length": 0}, "profile": {}}, r"\[user\] length = 0 needs a \[profile"),
        ({"objectives": ["infonce"]}, r"\[\[objectives\]\] number 1 is not a section"),
        ({"objectives": [{"use": "infonc"}]}, r"did you mean 'infonce'"),
        ({"objectives": [{"use": "infonce", "temprature": 1.0}]}, r"did you mean 'temperature'"),
        ({"objectives": [{"use": "infonce", "temperature": 0.0}]}, r"temperature = 0\.0"),
        ({"objectives": [{"use": "infonce", "pairs": "next_itm"}]}, r"did you mean 'next_item'"),
        (
            {"objectives": [{"use": "infonce", "pairs": {"basket": 1.0, "sesion": 1.0}}]},
            r"did you mean 'session'",
        ),
        ({"objectives": [{"use": "infonce", "weight": "much"}]}, r"weight = 'much'"),
        ({"pairs": {"window": {"reach": "far"}}}, r"\[pairs\.window\] .*reach"),
        ({"graph": {"layer": 2}}, r"\[graph\] has no setting 'layer'; did you mean 'layers'"),
        ({"graph": {"drop_edges": 1.5}}, r"drop_edges = 1\.5"),
        ({"graph": True}, r"graph = True: write a section \[graph\]"),
        ({"negatives": {"use": "unifrm"}}, r"did you mean 'uniform'"),
        ({"negatives": {"use": "uniform", "num_negatives": -1}}, r"num_negatives = -1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(sections, said):
    with pytest.raises(ConfigError, match=said):
        of(**sections)


def test_a_field_set_to_false_is_left_out():
    assert set(of(encoders={**TABLE["encoders"], "ids": False}).encoders) == {
        "title",
        "category",
        "brand",
        "price",
    }


def test_a_graph_is_there_where_it_is_asked_for():
    assert of().graph is None
    assert of(graph=False).graph is None
    assert of(graph={"layers": 3}).graph == {"layers": 3}


def test_chunks_are_refused_where_each_would_encode_the_whole_catalogue():
    with pytest.raises(ConfigError, match=r"chunk_size = 64 .*\[graph\].*Set it to 0"):
        LearningPlan.of({**TABLE, "graph": {}}, Optimisation(chunk_size=64))


def test_a_source_of_pairs_may_have_a_name_of_its_own():
    given = of(
        pairs={"near": {"use": "window"}, "next_item": {"max_gap": 3.0}},
        objectives=[
            {"use": "infonce", "pairs": {"near": 2.0, "next_item": 1.0}, "weight": 0.5, "propensity": 0.3}
        ],
    )
    aim, section = given.objectives[0]
    assert (aim.pairs, aim.weight, aim.propensity) == ({"near": 2.0, "next_item": 1.0}, 0.5, 0.3)
    assert section == {"use": "infonce"}
    assert given.pairs == {"near": {"use": "window"}, "next_item": {"use": "next_item", "max_gap": 3.0}}


def test_settings_survive_a_file():
    """A checkpoint compares them after JSON, infinite half-lives included."""
    for given in (plan(), plan(pairs={"next_item": {"max_gap": float("inf")}}, loop={"ema": 0.5})):
        assert json.loads(json.dumps(given.to_json())) == given.to_json()


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"embedding_dim": 8}},
        {"encoders": {"ids": {"dropout": 0.3}}},
        {"profile": {}},
        {"fusion": {"use": "gated"}},
        {"user": {"use": "recency", "length": 9}},
        {"objectives": [{"use": "infonce", "pairs": "next_item", "weight": 2.0}]},
        {"pairs": {"next_item": {"max_gap": 1.0}}},
        {"negatives": {"use": "in_batch"}},
        {"graph": {}},
        {"loop": {"clip": 2.0}},
    ],
)
def test_every_section_is_among_the_settings_of_a_checkpoint(sections):
    assert plan(**sections).to_json() != plan().to_json()


TRANSFORMER = {"user": {"use": "transformer"}}


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"objectives": [{"use": "infonce", "pairs": "hidden_item"}], **TRANSFORMER}, "causal = false"),
        ({"objectives": [{"use": "infonce", "pairs": "hidden_item"}]}, "transformer"),
        (
            {"user": {"use": "transformer", "causal": False}, "pairs": {"next_item": {"stretch": 9}}},
            "stretch = 9 shows each event",
        ),
        ({"objectives": [{"use": "infonce", "perturb": -0.1}]}, "perturb"),
        ({"objectives": [{"use": "infonce", "batch_size": 0}]}, "batch_size"),
        ({"objectives": [{"use": "infonce", "perturb": 0.1}], "loop": {"chunk_size": 8}}, "chunk_size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_histories_that_cannot_be_read_as_meant_are_refused(sections, said):
    with pytest.raises(ConfigError, match=said):
        plan(**sections)
