"""What tasks learnt of their own, on a longer past and other listings. N items, U users, P people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from shelfspace.bundling.bundle import FittedBundle
from shelfspace.bundling.complements import Complements
from shelfspace.bundling.kinds import Kinds
from shelfspace.bundling.learning import next_basket_of
from shelfspace.bundling.next_basket import Habits
from shelfspace.classifying.classifier import Answers
from shelfspace.classifying.fitted import FittedClassify
from shelfspace.classifying.suspects import Suspects
from shelfspace.errors import MissingExtraError
from shelfspace.explaining.graph import FittedExplain
from shelfspace.folding.catalogues import Stock
from shelfspace.folding.gathered import Profile
from shelfspace.folding.known import Known
from shelfspace.folding.pasts import Users
from shelfspace.inputs.columns import joined, numbers_of
from shelfspace.inputs.fields import Records
from shelfspace.matching.blocking import Pairs
from shelfspace.matching.fitted import FittedMatch, kept
from shelfspace.matching.listings import Listings
from shelfspace.matching.matcher import Found
from shelfspace.newcomers.fitted import FittedNewcomers
from shelfspace.people.fitted import FittedPeople
from shelfspace.responding.fitted import FittedAds
from shelfspace.responding.profile import Profile as OfShoppers
from shelfspace.responding.snapshots import Snapshot
from shelfspace.searching.fitted import FittedSearch
from shelfspace.searching.lexical import Lexical
from shelfspace.searching.meaning import Meaning
from shelfspace.searching.searcher import Searcher
from shelfspace.shop.history import History
from shelfspace.stored import Fitted

Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Tasks:
    """What tasks are made of again: the longer past, the items, the users, and what these said of themselves."""

    history: History
    stock: Stock
    users: Users
    profiles: Mapping[str, Profile]
    forgotten: Callable[[str], bool]

    def folded(
        self, tasks: Mapping[str, Fitted], told: Told | None = None
    ) -> tuple[dict[str, Fitted], list[str]]:
        """Return what each task knows now, and what could not be brought up to date."""
        found: dict[str, Fitted] = {}
        notes: list[str] = []
        for n, (name, fitted) in enumerate(tasks.items()):
            if told is not None:
                told(f"fitting {name}", n, len(tasks))
            folds = _FOLDS.get(type(fitted))
            found[name] = folds(self, fitted, notes) if folds is not None else fitted
        return found, notes

    def search(self, fitted: FittedSearch, notes: list[str]) -> FittedSearch:
        """Index the listings anew, with the weights that were learnt; meanings that did not change stay as they are."""
        searcher, settings, catalogue = fitted.searcher, fitted.settings, self.stock.catalogue
        taken = np.bincount(self.history.item, minlength=len(catalogue)).astype(np.float32)
        what = self.stock.changed
        if what is None:
            return replace(fitted, searcher=replace(searcher, taken=taken))
        price, meaning = catalogue.column("price"), searcher.meaning
        if meaning is not None:
            texts = joined(Records.of_catalogue(what.after, np.zeros(len(what.rows))), settings.read)
            vectors = self.stock.lengthened(meaning.vectors).astype(np.float32)
            vectors[what.rows] = 0.0
            said = [n for n, text in enumerate(texts) if text]
            if said:
                vectors[what.rows[said]] = meaning.read([texts[n] for n in said])
            meaning = Meaning(meaning.bundle, vectors)
        numbers = numbers_of(price, "price") if price is not None else np.full(len(catalogue), np.nan)
        lexical = Lexical.of(catalogue, settings.fields, k1=settings.k1, b=settings.b)
        again = Searcher(
            lexical, meaning, taken, numbers.astype(np.float32), searcher.ranking, settings.tolerant
        )
        return replace(fitted, searcher=again)

    def bundle(self, fitted: FittedBundle, notes: list[str]) -> FittedBundle:
        """Count baskets and kinds anew, with the weights that were chosen."""
        before, named = fitted.complements, fitted.next_basket
        baskets = before.baskets.alike(self.history)
        kinds = Kinds.of(self.stock.catalogue, baskets)
        found = Complements(baskets, kinds, before.weighing, before.num_like)
        habits = named.habits if named is not None else Habits()
        following = (
            next_basket_of(baskets, habits, self.stock.catalogue, self.history)
            if len(self.users.ids)
            else None
        )
        return replace(fitted, complements=found, next_basket=following)

    def ads(self, fitted: FittedAds, notes: list[str]) -> FittedAds:
        """Put what was bought since beside the model, which stays; new shoppers have no profile there."""
        history, stock, users = self.history, self.stock, self.users
        now = fitted.now
        if history.num_events:
            now = max(now, float(np.nextafter(history.time.max(), np.inf)))
        rows = np.append(users.moved, np.int32(-1))  # the last is where -1 points
        values = np.full((len(users.ids), len(fitted.profile.names)), np.nan, np.float32)
        values[: len(users.kept)] = fitted.profile.values[users.kept]
        items = fitted.offers.items
        wider = sparse.csr_array(
            (items.data, items.indices, items.indptr), shape=(items.shape[0], len(stock.catalogue))
        )
        notes.append(
            "ads: responses since the training and profiles that changed count after `shelfspace fit RUN ads`"
        )
        return replace(
            fitted,
            offers=replace(fitted.offers, items=wider),
            log=replace(fitted.log, user=rows[fitted.log.user]),
            shown=replace(fitted.shown, user=rows[fitted.shown.user]),
            profile=OfShoppers(fitted.profile.names, values),
            snapshot=Snapshot.of(history, stock.catalogue, now, 0),
            now=now,
        )

    def classify(self, fitted: FittedClassify, notes: list[str]) -> FittedClassify:
        """Foretell the labels of listings that are new or changed; those of the others stay."""
        what = self.stock.changed
        if what is None:
            return fitted
        new = fitted.classifier.answers(what.after)
        answers = {
            column: self._answers(before, new[column], what.rows) for column, before in fitted.answers.items()
        }
        suspects = {column: _without(odd, what.rows) for column, odd in fitted.suspects.items()}
        return replace(fitted, answers=answers, suspects=suspects)

    def _answers(self, before: Answers, new: Answers, rows: np.ndarray[Any, Any]) -> Answers:
        columns: dict[str, Any] = {}
        for name in ("label", "chance", "answer", "sure", "parts"):
            columns[name] = self.stock.lengthened(getattr(before, name))
            columns[name][rows] = getattr(new, name)
        return replace(before, **columns)

    def match(self, fitted: FittedMatch, notes: list[str]) -> FittedMatch:
        """Compare all listings again, where some are new or changed."""
        what = self.stock.changed
        if what is None:
            return fitted
        matcher, before = fitted.matcher, fitted.found
        try:
            compared = matcher.compared(
                Listings.of(self.stock.catalogue, matcher.settings.between), before.pairs
            )
            return replace(fitted, found=kept(matcher.found(compared)))
        except MissingExtraError as problem:
            notes.append(f"match: new and changed listings have no partners yet: {problem}")
        stays = ~(np.isin(before.pairs.left, what.rows) | np.isin(before.pairs.right, what.rows))
        pairs = Pairs(before.pairs.left[stays], before.pairs.right[stays])
        return replace(fitted, found=Found(pairs, before.chance[stays], before.said[stays]))

    def explain(self, fitted: FittedExplain, notes: list[str]) -> FittedExplain:
        """Make room for new items, which have no relations yet: things are numbered behind the items.

        A shopper may be a thing; one who was forgotten has no name and no relations any more.
        """
        graph, size = fitted.graph, len(self.stock.catalogue)
        gone = np.array([self.forgotten(text) for text in graph.things], bool)
        if self.stock.num_new:
            notes.append("explain: new items have no relations before `shelfspace fit RUN explain`")
        ends = np.stack([graph.head, graph.tail])
        things = np.where(ends >= graph.num_items, ends - graph.num_items, -1)
        stays = ~np.append(gone, False)[things].any(axis=0)
        head, tail = np.where(things >= 0, things + size, ends).astype(np.int32)[:, stays]
        named = tuple("" if left else text for text, left in zip(graph.things, gone.tolist(), strict=True))
        return replace(
            fitted,
            graph=replace(
                graph, head=head, tail=tail, relation=graph.relation[stays], things=named, num_items=size
            ),
        )

    def people(self, fitted: FittedPeople, notes: list[str]) -> FittedPeople:
        """Leave out who was forgotten, and take in the profiles of those who said something since."""
        known = Known(fitted.graph, fitted.profiles).folded(self.profiles, self.forgotten)
        embedding = known.rows_of(fitted.embedding)
        return replace(fitted, graph=known.graph, profiles=known.profiles, embedding=embedding, held={})

    def newcomers(self, fitted: FittedNewcomers, notes: list[str]) -> FittedNewcomers:
        """The same, and of what is known from another shop make room for new items."""
        known = Known(fitted.graph, fitted.profiles).folded(self.profiles, self.forgotten)
        there = fitted.elsewhere
        if there is not None:
            stays = np.flatnonzero([not self.forgotten(text) for text in there.users.array.to_pylist()])
            near = there.near
            shape = (near.shape[0], len(self.stock.catalogue))
            there = replace(
                there,
                users=type(there.users)(there.users.array.take(stays), "user"),
                tastes=sparse.csr_array(there.tastes[stays]),
                near=sparse.csr_array((near.data, near.indices, near.indptr), shape=shape),
                vectors=there.vectors[stays],
                here=there.here[stays],
            )
        return replace(fitted, graph=known.graph, profiles=known.profiles, elsewhere=there, held={})


def _without(odd: Suspects, rows: np.ndarray[Any, Any]) -> Suspects:
    stays = ~np.isin(odd.row, rows)
    return Suspects(
        odd.row[stays], odd.given[stays], odd.likely[stays], odd.chance[stays], odd.given_chance[stays]
    )


_FOLDS: dict[type, Callable[[Tasks, Any, list[str]], Fitted]] = {
    FittedAds: Tasks.ads,
    FittedBundle: Tasks.bundle,
    FittedClassify: Tasks.classify,
    FittedExplain: Tasks.explain,
    FittedMatch: Tasks.match,
    FittedNewcomers: Tasks.newcomers,
    FittedPeople: Tasks.people,
    FittedSearch: Tasks.search,
}
