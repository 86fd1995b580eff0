import numpy as np
import pytest
import torch

from shelfspace.encoders.autoencoder import Autoencoder, Rows

SHAPES = [([], []), ([7], []), ([8, 6], [5]), ([], [6, 7])]


def rows():
    """Three users, the second without an event."""
    value = torch.tensor([0.6, 0.8, 1.0])
    return Rows(torch.tensor([0, 4, 2]), torch.tensor([0, 2, 2]), value)


def dense():
    x = np.zeros((3, 5))
    x[0, 0], x[0, 4], x[2, 2] = 0.6, 0.8, 1.0
    return x


def weights(layer):
    return [w.detach().double().numpy() for w in (layer.weight.T, layer.bias)]


@pytest.mark.parametrize("kind", ["denoising", "variational"])
@pytest.mark.parametrize(("hidden", "decoder"), SHAPES)
def test_it_is_a_network_on_the_dense_row(kind, hidden, decoder):
    torch.manual_seed(0)
    model = Autoencoder(5, kind=kind, hidden=hidden, decoder=decoder, latent_dim=4).eval()
    torch.nn.init.normal_(model.offset)
    code = model(rows())
    x = dense() @ model.table.weight.detach().double().numpy() + model.offset.detach().double().numpy()
    for layer in model.encoder:
        weight, offset = weights(layer)
        x = np.tanh(x) @ weight + offset
    np.testing.assert_allclose(code.mean.detach(), x[:, :4], rtol=1e-5, atol=1e-6)
    if kind == "variational":
        np.testing.assert_allclose(code.log_variance.detach(), x[:, 4:], rtol=1e-5, atol=1e-6)
    else:
        assert code.log_variance is None
    y = x[:, :4]
    for layer in model.decoder:
        weight, offset = weights(layer)
        y = np.tanh(y @ weight + offset)
    np.testing.assert_allclose(model.decode(code.latent).detach(), y, rtol=1e-5, atol=1e-6)
    assert model.vectors.shape == (5, decoder[-1] if decoder else 4)


def test_without_layers_between_it_is_linear():
    model = Autoencoder(5, hidden=[], latent_dim=4).eval()
    empty = model(Rows(torch.zeros(0, dtype=torch.int64), torch.tensor([0]), torch.zeros(0))).latent
    twice = model(Rows(rows().item, rows().start, 2 * rows().value)).latent
    torch.testing.assert_close(twice - empty, 2 * (model(rows()).latent - empty))


def test_training_hides_the_part_of_the_events_that_it_should():
    torch.manual_seed(0)
    model = Autoencoder(1, hidden=[], latent_dim=1, dropout=0.3)
    torch.nn.init.ones_(model.table.weight)
    many = Rows(torch.zeros(20_000, dtype=torch.int64), torch.arange(20_000), torch.ones(20_000))
    seen = model(many).latent.detach()[:, 0]
    assert float((seen == 0).float().mean()) == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(np.unique(seen), [0.0, 1 / 0.7], rtol=1e-6)
    assert (model.eval()(many).latent == 1).all()


def test_the_latent_is_drawn_with_the_variance_it_says_and_asked_at_its_mean():
    torch.manual_seed(0)
    model = Autoencoder(1, kind="variational", hidden=[], latent_dim=1, dropout=0.0)
    with torch.no_grad():
        model.table.weight.copy_(torch.tensor([[2.0, np.log(0.25)]]))
    many = Rows(torch.zeros(20_000, dtype=torch.int64), torch.arange(20_000), torch.ones(20_000))
    drawn = model(many).latent.detach()
    assert float(drawn.mean()) == pytest.approx(2.0, abs=0.02)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.02)
    assert (model.eval()(many).latent == 2.0).all()


def test_it_can_begin_at_the_chance_of_each_item():
    model = Autoencoder(3)
    model.start_at(torch.tensor([0.5, 0.25, 0.0]))
    torch.testing.assert_close(model.bias.exp(), torch.tensor([0.5, 0.25, 1e-12]))


@pytest.mark.parametrize("kind", ["denoising", "variational"])
@pytest.mark.parametrize(("hidden", "decoder"), [([], []), ([9], []), ([8, 7], [6]), ([], [6, 7])])
def test_from_factors_a_row_is_projected_and_comes_back(kind, hidden, decoder, monkeypatch):
    monkeypatch.setattr("shelfspace.encoders.autoencoder.REST", 0.0)
    model = Autoencoder(12, kind=kind, hidden=hidden, decoder=decoder, latent_dim=5).eval()
    directions = torch.nn.functional.normalize(torch.randn(12, 5, generator=torch.Generator().manual_seed(3)))
    model.start_from(directions)
    each = Rows(torch.arange(12), torch.arange(12), torch.ones(12))
    code = model(each)
    found = (model.decode(code.latent) @ model.vectors.T).detach().numpy()
    wanted = (directions @ directions.T).numpy()
    if not hidden and not decoder:
        np.testing.assert_allclose(found, np.sqrt(5) * wanted, rtol=1e-5, atol=1e-6)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.95
    if kind == "variational":
        np.testing.assert_allclose(code.log_variance.detach(), -2.0)
