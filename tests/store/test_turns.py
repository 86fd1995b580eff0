import itertools
import threading
import time
from pathlib import Path

import pytest

from shelfspace.store.turns import Turns


def test_one_at_a_time_and_who_had_a_turn_waits_for_the_others(tmp_path: Path) -> None:
    """Two that ask again at once have their turns by turns; each its own files, as processes have them."""
    order: list[int] = []
    start = threading.Barrier(2)

    def take(name: int) -> None:
        turns = Turns(tmp_path / "shop.db")
        start.wait()
        for _ in range(50):
            with turns.turn():
                order.append(name)
                held = len(order)
                time.sleep(0.001)
                assert len(order) == held
        turns.close()

    threads = [threading.Thread(target=take, args=(name,)) for name in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    changes = sum(one != other for one, other in itertools.pairwise(order))
    assert len(order) == 100
    assert changes > 60


def test_a_turn_ends_where_the_block_fails(tmp_path: Path) -> None:
    turns, others = Turns(tmp_path / "shop.db"), Turns(tmp_path / "shop.db")
    with pytest.raises(ValueError, match="mine"), turns.turn():
        raise ValueError("mine")
    with others.turn():
        pass
    turns.close()
    with turns.turn():
        pass
    turns.close()
    others.close()


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), Turns(tmp_path / "nowhere" / "shop.db").turn():
        raise AssertionError("it had a turn")
