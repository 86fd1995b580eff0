"""Views of photos, each against a loop over photos and pixels in float64."""

import colorsys
import math

import numpy as np
import pytest
import torch

from shelfspace.encoders.photo_views import PhotoView, Strengths, blurred, coloured, covered, cropped
from shelfspace.errors import ConfigError

OFF = {"crop": 0.0, "flip": 0.0, "jitter": 0.0, "grey": 0.0, "blur": 0.0, "cutout": 0.0}
B, S = 3, 12


@pytest.fixture
def photos():
    return torch.rand((B, 3, S, S), generator=torch.Generator().manual_seed(0))


def test_a_box_is_stretched_to_the_whole_as_bilinear_sampling_says(photos):
    extent = torch.tensor([[1.0, 1.0], [0.5, 0.75], [0.25, 1.0]])
    centre = torch.tensor([[0.3, 0.8], [0.0, 1.0], [1.0, 0.5]])
    flip = torch.tensor([True, False, True])
    found = cropped(photos, extent, centre, flip).numpy()
    for n in range(B):
        for y in range(S):
            for x in range(S):
                at_x = S - 1 - x if flip[n] else x
                room = [(1 - float(extent[n, a])) * S * float(centre[n, a]) for a in (0, 1)]
                there = [room[a] + (v + 0.5) * float(extent[n, a]) - 0.5 for a, v in ((0, at_x), (1, y))]
                assert found[n, :, y, x] == pytest.approx(bilinear(photos[n].numpy(), *there), abs=1e-5)


def bilinear(photo, x, y):
    x, y = min(max(x, 0), S - 1), min(max(y, 0), S - 1)
    left, top = min(int(x), S - 2), min(int(y), S - 2)
    right, low = x - left, y - top
    return (
        photo[:, top, left] * (1 - right) * (1 - low)
        + photo[:, top, left + 1] * right * (1 - low)
        + photo[:, top + 1, left] * (1 - right) * low
        + photo[:, top + 1, left + 1] * right * low
    )


def test_light_is_changed_as_said(photos):
    settings = [torch.tensor(v) for v in ([1.2, 1.0, 0.9], [1.0, 0.5, 1.1], [1.0, 1.0, 0.4])]
    found = coloured(photos, *settings, torch.zeros(B)).numpy()
    weights = np.array([0.299, 0.587, 0.114])
    for n in range(B):
        brightness, contrast, saturation = (float(s[n]) for s in settings)
        photo = photos[n].double().numpy() * brightness
        photo = (photo - np.tensordot(weights, photo, 1).mean()) * contrast + np.tensordot(
            weights, photo, 1
        ).mean()
        grey = np.tensordot(weights, photo, 1)
        np.testing.assert_allclose(
            found[n], np.clip(grey + (photo - grey) * saturation, 0, 1), rtol=0, atol=2e-3
        )


def test_a_third_of_a_turn_makes_red_green_and_grey_stays_grey():
    red = torch.zeros(1, 3, 2, 2)
    red[:, 0], red[:, :, 0, 0] = 0.6, 0.5
    one = torch.ones(1)
    found = coloured(red, one, one, one, torch.tensor([-1 / 3]))[0]
    assert found[:, 0, 0].tolist() == pytest.approx([0.5] * 3, abs=0.01)
    hue = colorsys.rgb_to_hsv(*found[:, 1, 1].tolist())[0]
    assert min(abs(hue - 1 / 3), abs(hue - 2 / 3)) < 0.1


def test_a_blur_is_a_gaussian(photos):
    sigma = torch.tensor([0.3, 1.0, 2.0])
    found, reach = blurred(photos, sigma).numpy(), max(1, S // 10)
    for n in range(B):
        weight = [math.exp(-0.5 * (a / float(sigma[n])) ** 2) for a in range(-reach, reach + 1)]
        weight = np.array(weight) / sum(weight)
        wide = np.pad(photos[n].double().numpy(), ((0, 0), (reach, reach), (reach, reach)), mode="edge")
        for y in range(S):
            for x in range(S):
                window = wide[:, y : y + 2 * reach + 1, x : x + 2 * reach + 1]
                expected = np.einsum("cyx,y,x->c", window, weight, weight)
                np.testing.assert_allclose(found[n, :, y, x], expected, atol=1e-5)


def test_a_square_is_covered_with_the_mean_colour(photos):
    found = covered(photos, torch.tensor([[0.5, 0.5], [0.0, 0.0], [1.0, 0.5]]), 0.5)
    changed = (found != photos).any(dim=1)
    assert changed[0, 3:9, 3:9].all()
    assert changed[0].sum() == 36
    assert changed[1].sum() == 9
    assert changed[2, 3:9, 9:].all()
    torch.testing.assert_close(found[0, :, 5, 5], photos[0].mean(dim=(1, 2)))


@pytest.mark.parametrize("name", OFF)
def test_each_alone_changes_photos_and_stays_within_bounds(name, photos):
    torch.manual_seed(0)
    view = PhotoView(Strengths(**OFF | {name: 0.8}))
    found = view(photos)
    assert found.shape == photos.shape
    assert not torch.equal(found, photos)
    assert ((found >= 0) & (found <= 1)).all()
    assert torch.equal(view.eval()(photos), photos)


def test_at_strength_0_nothing_changes(photos):
    assert torch.equal(PhotoView(Strengths(**OFF))(photos), photos)


def test_views_are_drawn_in_full_precision_whatever_the_network_computes_in(photos):
    found = []
    for low in (False, True):
        torch.manual_seed(4)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            found.append(PhotoView(Strengths(blur=0.5))(photos))
    assert torch.equal(*found)


def test_shares_of_photos_are_as_said():
    torch.manual_seed(0)
    ramp = torch.arange(S).expand(2000, 3, S, S) / S
    flipped = PhotoView(Strengths(**OFF | {"flip": 0.3}))(ramp)
    assert (flipped[:, 0, 0, 0] > 0.5).float().mean().item() == pytest.approx(0.3, abs=0.04)
    colour = torch.rand(2000, 3, 4, 4)
    grey = PhotoView(Strengths(**OFF | {"grey": 0.2}))(colour)
    assert (grey[:, 0] == grey[:, 1]).all(dim=(1, 2)).float().mean().item() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("setting", [{"crop": 1.0}, {"jitter": -0.1}, {"flip": 1.2}, {"cutout": 1.0}])
def test_a_bad_strength_is_named(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Strengths(**setting)
