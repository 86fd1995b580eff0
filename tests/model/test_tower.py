import copy

import numpy as np
import pytest
import torch

from shelfspace.encoders.fields import Attributes, Hashed, Ids, Numbers
from shelfspace.encoders.fusion import FUSIONS
from shelfspace.inputs.fields import Dense
from shelfspace.model.held import Held
from shelfspace.model.tower import Tower
from tests.learning.tastes import NUM_ITEMS, made, records

D = 8
ROWS = torch.tensor([3, 59, 0, 3, 57, 28])


def tower(encoders=None, fusion="mean"):
    """An item tower whose weights are stirred; item 59 has no field."""
    torch.manual_seed(1)
    encoders = encoders or {
        "ids": Ids(dropout=0.5),
        "class": Attributes(is_path=True, dropout=0.5),
        "import": Hashed(num_buckets=200, width=3),
        "price": Numbers(hidden=None),
    }
    known, rows = np.ones(NUM_ITEMS, bool), records()["item"]
    readers = {name: encoder.reader().learn(rows, known) for name, encoder in encoders.items()}
    built = Tower(encoders, readers, FUSIONS[fusion](len(encoders), D), D)
    with torch.no_grad():
        for weight in built.parameters():
            weight += torch.randn(weight.shape) * 0.3
    built.hold({name: reader.read(rows) for name, reader in readers.items()})
    return built, {name: reader.read(rows) for name, reader in readers.items()}


def padded(fields, rows):
    parts, taken = [], {name: field.take(rows.numpy()) for name, field in fields.items()}
    for field in taken.values():
        parts += [field.values] if isinstance(field, Dense) else field.padded()
    present = np.stack([field.present for field in taken.values()], axis=1)
    return torch.from_numpy(present), [torch.from_numpy(part) for part in parts]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_padded_inputs_give_the_same_as_rows_in_evaluation(fusion):
    built, fields = tower(fusion=fusion)
    built.eval()
    for rows in (ROWS, ROWS[:1], torch.arange(NUM_ITEMS)):
        found = built.padded(*padded(fields, rows))
        torch.testing.assert_close(found, built(rows), rtol=1e-5, atol=1e-6)
        assert found.shape == (len(rows), D)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("training", [True, False])
def test_a_row_of_which_nothing_is_known_is_0(fusion, training):
    built, _ = tower(fusion=fusion)
    found = built.train(training)(torch.tensor([59, 0]))
    assert not found[0].any()
    assert found[1].any()


def test_a_row_without_a_field_is_the_fusion_of_the_others():
    built, fields = tower({"class": Attributes(is_path=True), "price": Numbers(hidden=None)})
    alone = {name: Held(field) for name, field in fields.items()}
    rows = torch.tensor([0, 1])  # item 0 has no price
    category, price = (alone[name].encode(built.encoder(name), rows) for name in ("class", "price"))
    found = built.eval()(rows)
    torch.testing.assert_close(found[0], category[0])
    torch.testing.assert_close(found[1], (category[1] + price[1]) / 2)


def test_training_never_hides_all_that_a_row_has():
    built, _ = tower({"ids": Ids(dropout=0.9), "price": Numbers(dropout=0.9)})
    rows = torch.tensor([0, 1, 57]).repeat(300)  # without a price, with both, without an id
    present = built.present[rows]
    hidden = built._hidden(present)
    assert hidden.any(dim=1).all()
    assert not (hidden & ~present).any()
    both = hidden[1::3]
    assert {tuple(row) for row in both.tolist()} == {(True, False), (False, True), (True, True)}


def test_a_field_is_hidden_as_often_as_its_own_dropout_says():
    torch.manual_seed(0)
    built, _ = tower({"ids": Ids(dropout=0.0), "category": Attributes(dropout=0.3)})
    hidden = built._hidden(torch.ones((20_000, 2), dtype=torch.bool))
    assert hidden[:, 0].all()
    assert abs(float(hidden[:, 1].float().mean()) - 0.7) < 4 * (0.3 * 0.7 / 20_000) ** 0.5


def test_evaluation_hides_nothing():
    built, _ = tower()
    built.eval()
    torch.testing.assert_close(built(ROWS), built(ROWS), rtol=0, atol=0)
    built.train()
    assert not torch.equal(built(ROWS), built(ROWS))


def test_order_and_company_of_rows_do_not_matter():
    built, _ = tower()
    built.eval()
    together = built(torch.arange(NUM_ITEMS))
    torch.testing.assert_close(built(ROWS), together[ROWS], rtol=1e-5, atol=1e-6)
    assert built(ROWS[:0]).shape == (0, D)


def test_the_gradient_reaches_only_the_features_of_the_rows_asked():
    built, fields = tower({"ids": Ids(), "class": Attributes()})
    built.eval()(torch.tensor([2, 5])).sum().backward()
    touched = built.encoder("ids").table.weight.grad.any(dim=1).nonzero()[:, 0]
    assert touched.tolist() == [2, 5]
    told = fields["class"].take(np.array([2, 5])).index
    assert built.encoder("class").table.weight.grad.any(dim=1).nonzero()[:, 0].tolist() == sorted(
        {*told.tolist()}
    )


def test_names_that_python_reads_as_code_are_names_of_fields():
    built, _ = tower({"class": Attributes(), "lambda": Attributes(column="brand"), "forward": Ids()})
    assert built.names == ("class", "lambda", "forward")
    assert built.eval()(ROWS).shape == (len(ROWS), D)


def test_a_second_network_looks_up_the_same_fields_and_has_weights_of_its_own():
    built, _ = tower()
    other = copy.deepcopy(built)
    assert all(other.held[name] is built.held[name] for name in built.names)
    with torch.no_grad():
        other.encoder("ids").table.weight.zero_()
    assert built.encoder("ids").table.weight.any()


@pytest.mark.parametrize("name", ["ids", "title", "price"])
def test_held_fields_are_encoded_as_a_loop_over_features_would(name):
    model, fields = made().model, {n: r.read(records()["item"]) for n, r in made().readers["item"].items()}
    encoder, field = model.item.encoder(name), fields[name]
    found = Held(field).encode(encoder, ROWS)
    for row, vector in zip(ROWS.tolist(), found, strict=True):
        if isinstance(field, Dense):
            expected = encoder(torch.from_numpy(field.values[[row]]))[0]
        else:
            entries = range(field.indptr[row], field.indptr[row + 1])
            table, zero = encoder.table.weight, torch.zeros(model.item.embedding_dim)
            expected = sum((table[int(field.index[e])] * float(field.weight[e]) for e in entries), zero)
        torch.testing.assert_close(vector, expected)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_row_seen_by_some_fields_is_as_one_that_has_no_others(fusion):
    built, _ = tower(fusion=fusion)
    built.eval()
    seen = built(ROWS, ["import", "price"])
    assert not torch.allclose(seen, built(ROWS))
    built.present[:, [built.names.index(name) for name in ("ids", "class")]] = False
    torch.testing.assert_close(seen, built(ROWS))


def test_fields_that_are_not_shown_get_no_gradient_and_drop_out_hides_among_the_others():
    built, _ = tower()
    built.train()(ROWS.repeat(20), frozenset(["ids", "class"])).square().sum().backward()
    assert built.encoder("ids").table.weight.grad.any()
    assert built.encoder("import").table.weight.grad is None
    first, second = (built(ROWS, frozenset(["import"])) for _ in range(2))
    torch.testing.assert_close(first, second)  # the one that is shown is never hidden
