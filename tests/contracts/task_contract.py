"""What every task that answers with hits must do. A new task's test is a subclass with a `space` and `subjects`."""

import json
from itertools import pairwise
from typing import Any, ClassVar

import pytest

import shelfspace as ss
from shelfspace.errors import FilterError, InputError
from shelfspace.tasks.results import Hit, Hits


class TaskContract:
    """Subclass it with a fixture `space`; answers with items are also held to filters and to what is blocked.

    task: its name;  subjects: two that the space knows, without what depends on the other;
    settings: what else must be given;  tolerance: of a sum of reasons, as a share of the score;
    filtered: whether it takes `where`;  least: the least number of answers that each subject has.
    """

    task: ClassVar[str]
    subjects: ClassVar[tuple[str, str]]
    settings: ClassVar[dict[str, Any]] = {}
    tolerance: ClassVar[float] = 1e-4
    filtered: ClassVar[bool] = True
    least: ClassVar[int] = 3

    def ask(self, space: ss.Space, *subject: Any, **settings: Any) -> Hits:
        found: Hits = getattr(space, self.task)(*subject, **{**self.settings, **settings})
        return found

    def test_answers_come_in_order(self, space: ss.Space) -> None:
        hits = list(self.ask(space, self.subjects[0], k=self.least))
        assert [hit.rank for hit in hits] == list(range(1, self.least + 1))
        assert all(one.score >= other.score for one, other in pairwise(hits))
        assert len({hit.id for hit in hits}) == self.least

    def test_a_batch_answers_as_one_by_one(self, space: ss.Space) -> None:
        """But for what is alike to the last digit: that may change places."""
        together = list(self.ask(space, list(self.subjects), k=5))
        for subject in self.subjects:
            single = list(self.ask(space, subject, k=30))
            score = {hit.id: hit.score for hit in single}
            found = [hit for hit in together if hit.subject == subject]
            assert len(found) == min(5, len(single))
            for one, other in zip(found, single, strict=False):
                assert one.score == pytest.approx(other.score, rel=1e-4, abs=1e-6)
                assert one.score == pytest.approx(score[one.id], rel=1e-4, abs=1e-6)

    def test_the_same_question_has_the_same_answer(self, space: ss.Space) -> None:
        assert self.ask(space, self.subjects[1]).table.equals(self.ask(space, self.subjects[1]).table)

    def test_as_a_frame_as_json_and_on_the_screen(self, space: ss.Space) -> None:
        hits = self.ask(space, self.subjects[0], k=3)
        said = json.loads(hits.to_json())
        assert [row[hits.named] for row in said["hits"]] == [hit.id for hit in hits]
        assert len(hits.to_frame()) == hits.to_table().row_count == len(hits)

    def test_reasons_sum_to_the_score(self, space: ss.Space) -> None:
        for hit in self.ask(space, list(self.subjects), k=5, why=True):
            self.check_reasons(hit)

    def check_reasons(self, hit: Hit) -> None:
        assert hit.why
        assert sum(part.amount for part in hit.why) == pytest.approx(hit.score, rel=self.tolerance, abs=1e-5)

    @pytest.mark.parametrize("k", [0, -1, 10_001])
    def test_k_out_of_range_is_refused(self, space: ss.Space, k: int) -> None:
        with pytest.raises(InputError, match="out of range"):
            self.ask(space, self.subjects[0], k=k)

    def test_what_is_blocked_never_comes(self, space: ss.Space) -> None:
        """Nor is it named anywhere in the answer: as a reason, a facet, a suggestion, an expansion."""
        items = {*space.catalogue.ids.array.to_pylist()} - {*self.subjects}
        before = _named(self.ask(space, list(self.subjects), k=5, why=True)) & items
        without = space.with_rules({"block": [{"items": sorted(before)}]}) if before else space
        for subject in (list(self.subjects), self.subjects[0]):
            for why in (False, True):
                assert not _named(self.ask(without, subject, k=5, why=why)) & before

    def test_filters_are_hard(self, space: ss.Space) -> None:
        if not self.filtered:
            pytest.skip("it does not answer with items")
        first = next(iter(self.ask(space, self.subjects[0], k=1))).id
        without = self.ask(space, self.subjects[0], k=5, where=f'not item_id in ("{first}")')
        assert first not in {hit.id for hit in without}
        nothing = self.ask(space, self.subjects[0], where="item_id in (no-such-item)")
        assert len(nothing) == 0
        assert nothing.notes
        with pytest.raises(FilterError):
            self.ask(space, self.subjects[0], where="price <> and")


def _named(hits: Hits) -> set[str]:
    """Return every text of an answer but its notes and what it was asked."""
    found: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            for name, inside in value.items():
                if name not in ("notes", "subject"):
                    look(inside)
        elif isinstance(value, list):
            for inside in value:
                look(inside)
        elif isinstance(value, str):
            found.add(value)

    look(json.loads(hits.to_json()))
    return found
