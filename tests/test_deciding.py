import pytest

from shelfspace import config, deciding
from shelfspace.deciding import decided, shares
from shelfspace.plan import Plan
from shelfspace.shop.reading import read_shop

TOWERS = {"objectives": [{"use": "infonce"}], "encoders": {"ids": {}}, "linear": {"popularity": {}}}


def plan(**training):
    return Plan.of({**TOWERS, "training": {"budget": "100s", "training_share": 0.1, **training}})


def test_what_training_does_not_take_is_for_searches():
    assert shares(plan()) == pytest.approx((20.0, 10.0))
    assert shares(plan(), 2) == pytest.approx((30.0, 10.0))
    assert shares(plan(training_share=0.4), 3) == pytest.approx((5.0, 40.0))


@pytest.mark.parametrize(("protocol", "trainings"), [("time", 3), ("leave-one-out", 2)])
def test_a_protocol_that_learns_once_for_validation_and_test_is_told_so(
    protocol, trainings, small_shop, monkeypatch
):
    class StoppedError(Exception):
        pass

    def validated(*_, trainings, **__):
        raise StoppedError(trainings)

    monkeypatch.setattr(deciding, "validated", validated)
    given = Plan.of({**TOWERS, "evaluation": {"protocol": protocol}})
    with pytest.raises(StoppedError, match=str(trainings)):
        decided(given, read_shop(config.load(small_shop)), [], None, None)
