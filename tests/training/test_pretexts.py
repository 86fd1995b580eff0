"""Tasks that photos set by themselves."""

import doctest
import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from shelfspace.encoders.photo import floats
from shelfspace.errors import ConfigError
from shelfspace.learning.pretexts import pretext_terms
from shelfspace.learning.settings import LearningPlan
from shelfspace.learning.towers import made_of
from shelfspace.training import pretexts
from shelfspace.training.fit import fit
from shelfspace.training.optimisation import Optimisation
from shelfspace.training.pretexts import Jigsaw, Rotation, far_apart
from tests.encoders.photographs import with_photos
from tests.learning.tastes import TABLE, same, weights_of

PHOTO = {"use": "resnet", "size": 24, "width": 4, "crop": 0.0, "jitter": 0.0, "grey": 0.0, "flip": 0.0}
KNOWN = np.array([True] * 5 + [False, True])


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SHELFSPACE_CACHE", str(tmp_path_factory.getbasetemp() / "photo-cache"))


def plan_of(objectives, encoders=None, **loop):
    table = {**TABLE, "encoders": encoders or {"photo": PHOTO}, "profile": {}, "objectives": objectives}
    plan = LearningPlan.of(
        table, Optimisation(**{"epochs": 2, "epoch_steps": 4, "batch_size": 8, "warm_up": 0} | loop)
    )
    assert plan is not None
    return plan


def started(objectives, photo=PHOTO, **loop):
    torch.manual_seed(0)
    plan = plan_of(objectives, {"photo": photo}, **loop)
    made = made_of(plan, {"item": with_photos()}, np.ones(7, bool))
    return plan, made, pretext_terms(plan, made, KNOWN)


def trained(objectives, **given):
    plan, made, terms = started(
        objectives, PHOTO | {"crop": 0.5, "jitter": 0.3}, checkpoint_seconds=0.0, epochs=4, batch_size=2
    )
    progress = fit(made.model, terms, plan.optimisation, **given)
    return progress, weights_of(made.model)


def test_only_known_rows_with_a_photo_are_drawn():
    _, _, (term,) = started([{"use": "rotation"}])
    drawn = term.draw(np.random.default_rng(0), 80)
    assert sorted(drawn.rows.tolist()) == [0, 1, 4, 6]
    assert len(term.draw(np.random.default_rng(0), 8).rows) == 2
    assert len(term) == 16


def test_each_photo_is_shown_in_four_turns_and_the_loss_is_a_cross_entropy():
    _, made, (term,) = started([{"use": "rotation", "field": "photo"}])
    drawn = term.draw(np.random.default_rng(0), 8)
    loss = term.objective(made.model.eval(), drawn)
    encoder, head = made.model.item.encoder("photo"), term.objective.head
    (pixels,) = made.model.item.held["photo"].inputs(drawn.rows)
    losses = []
    for photo, quarters in itertools.product(floats(pixels), range(4)):
        array = np.rot90(photo.numpy(), quarters, (1, 2)).copy()
        answer = head(encoder.features(torch.from_numpy(array)[None]))
        losses.append(functional.cross_entropy(answer, torch.tensor([quarters])))
    torch.testing.assert_close(loss, torch.stack(losses).mean(), rtol=1e-4, atol=1e-5)


def test_tiles_are_pieces_of_the_photo_in_their_cells_at_one_mean_and_deviation():
    torch.manual_seed(0)
    photos = torch.rand(2, 3, 24, 24)
    tiles = Jigsaw(5, side=3).tiles(photos)
    assert tiles.shape == (2, 9, 3, 7, 7)
    torch.testing.assert_close(tiles.mean(dim=(3, 4)), torch.full((2, 9, 3), 0.5))
    for n, (down, across) in enumerate(itertools.product(range(3), repeat=2)):
        cell = photos[0, 0, 8 * down : 8 * down + 8, 8 * across : 8 * across + 8]
        pieces = [cell[y : y + 7, x : x + 7] for y in (0, 1) for x in (0, 1)]
        near = [torch.allclose((p - p.mean()) / p.std() / 4 + 0.5, tiles[0, n, 0], atol=1e-4) for p in pieces]
        assert any(near)


def test_the_label_says_in_which_order_tiles_were_shown():
    torch.manual_seed(0)
    jigsaw = Jigsaw(1, side=2, permutations=24)
    jigsaw.tiles = lambda photos: torch.arange(4.0).view(1, 4, 1, 1, 1).expand(len(photos), 4, 3, 1, 1)

    class Sees:
        def features(self, tiles):
            return tiles[:, :1, 0, 0]

    jigsaw.head = torch.nn.Identity()
    order, label = jigsaw.answers(Sees(), torch.zeros(50, 3, 4, 4))
    assert torch.equal(order, jigsaw.order[label].float())
    assert len(label.unique()) > 10


@pytest.mark.parametrize(("size", "number"), [(4, 24), (4, 99), (9, 30)])
def test_permutations_are_distinct_and_far_apart(size, number):
    found = far_apart(size, number)
    assert len(found) == min(number, 24 if size == 4 else number)
    assert (np.sort(found, axis=1) == np.arange(size)).all()
    assert found[0].tolist() == list(range(size))
    apart = (found[:, None] != found).sum(axis=2)[~np.eye(len(found), dtype=bool)]
    assert apart.min() >= (2 if size == 4 else 7)
    assert doctest.testmod(pretexts).failed == 0


@pytest.mark.parametrize("use", ["rotation", "jigsaw"])
def test_a_task_is_learnt_and_a_stopped_training_goes_on_bit_for_bit(use, tmp_path):
    section = [{"use": use} if use == "rotation" else {"use": use, "side": 2, "permutations": 4}]
    file = tmp_path / "checkpoint.safetensors"
    progress, whole = trained(section, file=tmp_path / "other.safetensors")
    assert len(progress.curve) == 4

    def stop(_name, step, _steps):
        if step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(section, file=file, told=stop)
    _, again = trained(section, file=file, resume=True)
    assert same(whole, again)


def test_turns_can_be_told_after_some_steps():
    plan, made, terms = started([{"use": "rotation"}], epochs=12, learning_rate=0.01)
    curve = fit(made.model, terms, plan.optimisation).curve
    assert curve[-1]["loss"] < 0.7 * curve[0]["loss"]


def test_it_stands_beside_other_objectives():
    some = plan_of([{"use": "infonce", "pairs": "two_views"}, {"use": "rotation", "weight": 0.5}])
    assert [section["use"] for _, section in some.objectives] == ["infonce"]
    assert [section["use"] for _, section in some.pretexts] == ["rotation"]
    assert [o["use"] for o in some.to_json()["objectives"]] == ["infonce", "rotation"]


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ([{"use": "rotation", "pairs": "two_views"}], "task of photos alone"),
        ([{"use": "jigsaw", "side": 1}], "side = 1"),
        ([{"use": "jigsaw", "permutations": 0}], "permutations"),
        ([{"use": "rotation", "sides": 3}], "sides"),
    ],
)
def test_a_bad_setting_is_named(objectives, message):
    with pytest.raises(ConfigError, match=message):
        plan_of(objectives)


@pytest.mark.parametrize(
    ("encoders", "field", "message"),
    [
        ({"title": {"use": "hashed"}}, None, "needs a field of photos that is trained here"),
        ({"one": PHOTO, "two": PHOTO}, None, "there are several"),
        ({"photo": PHOTO}, "photos", "did you mean"),
    ],
)
def test_a_field_that_is_not_there_is_named(encoders, field, message):
    plan = plan_of([{"use": "rotation", **({"field": field} if field else {})}], encoders)
    made = made_of(plan, {"item": with_photos()}, np.ones(7, bool))
    with pytest.raises(ConfigError, match=message):
        pretext_terms(plan, made, KNOWN)


def test_a_rotation_head_is_as_wide_as_the_network():
    assert Rotation(7).head.weight.shape == (4, 7)
