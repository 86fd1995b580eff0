"""The request of each asking route: its signature is the task's."""

from collections.abc import Sequence
from typing import Any, Literal

from shelfspace.client.answers import Groups, Hits, Labels
from shelfspace.client.calls import Call, Photo, asked
from shelfspace.client.writes import Event

Texts = Sequence[str]


def ads(
    user: str | list[str] | None = None,
    *,
    k: int = 10,
    campaign: str | None = None,
    where: str | None = None,
    at: str | None = None,
    why: bool = False,
) -> Call[Hits]:
    """Ask which offers a shopper will most likely take.

    Args:
        user: a user's id; a list is a batch; none for somebody of whom nothing is known.
        k: how many answers.
        campaign: only offers of this campaign.
        where: a hard filter on items, such as `category:shoes`.
        at: the moment of asking, as 2011-12-09T12:50; without it the end of the log.
        why: add what each chance is made of.
    """
    return asked("ads", ("user", user), Hits.read, k=k, campaign=campaign, where=where, at=at, why=why)


def bundle(
    item: str | list[str] | None = None,
    *,
    basket: Texts | None = None,
    user: str | None = None,
    k: int = 10,
    where: str | None = None,
    why: bool = False,
) -> Call[Hits]:
    """Ask what goes with an item, a basket, or into a shopper's next basket.

    Args:
        item: an item's id; a list is a batch, each for itself.
        basket: ids of items: what goes with all of these together.
        user: a shopper's id: the next basket, what they take again included.
        k: how many answers.
        where: a hard filter, such as `price<20 and category:shoes`.
        why: add what each score is made of.
    """
    return asked(
        "bundle", ("item", item), Hits.read, basket=_listed(basket), user=user, k=k, where=where, why=why
    )


def classify(
    item: str | list[str] | None = None,
    *,
    column: str | None = None,
    k: int = 1,
    phrase: str | None = None,
    photo: Photo | None = None,
    suspicious: bool = False,
    why: bool = False,
) -> Call[Labels]:
    """Ask which category, brand or other label a listing should have.

    Args:
        item: an item's id; a list is a batch.
        column: one of the columns that were learnt; all of them without.
        k: how many labels, 1 to 20.
        phrase: the title of a listing that is not in the catalogue; with a photo, both count.
        photo: a file, or what is in it.
        suspicious: instead, the labels of the catalogue that are probably wrong.
        why: add what each view adds.
    """
    return asked(
        "classify",
        ("item", item),
        Labels.read,
        column=column,
        k=k,
        phrase=phrase,
        photo=photo,
        suspicious=suspicious,
        why=why,
    )


def match(
    item: str | list[str] | None = None, *, least: float | None = None, why: bool = False
) -> Call[Groups]:
    """Ask which listings are the same product.

    Args:
        item: an item's id, or several: only their groups; none for all groups.
        least: the chance from which a pair counts, instead of the threshold that was chosen.
        why: add what the chance of each pair is made of.
    """
    return asked("match", ("item", item), Groups.read, least=least, why=why)


def people(
    user: str | list[str], *, kind: Literal["alike", "friends"] = "alike", k: int = 10, why: bool = False
) -> Call[Hits]:
    """Ask which shoppers are like this one, or may be friends.

    Args:
        user: a user's id; a list is a batch.
        kind: `alike` or `friends`.
        k: how many answers.
        why: add what each score is made of.
    """
    return asked("people", ("user", user), Hits.read, kind=kind, k=k, why=why)


def recommend(
    user: str | list[str] | None = None,
    *,
    history: Sequence[str | Event] | None = None,
    k: int = 10,
    seen: Literal["exclude", "include", "only"] = "exclude",
    where: str | None = None,
    phrase: str | None = None,
    profile: str | None = None,
    diversity: float = 0.0,
    diversify: Literal["mmr", "dpp"] = "mmr",
    explore: float = 0.0,
    seed: int | None = None,
    why: bool = False,
) -> Call[Hits]:
    """Ask what a shopper will take next.

    Args:
        user: a user's id; a list is a batch; none for a shopper who is only their basket or session.
        history: what the shopper did, in order, and was not sent: item ids, or events with times.
        k: how many answers.
        seen: `exclude` leaves out what the shopper had, `include` lets it come again, `only` asks what to buy again.
        where: a hard filter, such as `price<20 and category:shoes`.
        phrase: what a shopper without a history says they look for.
        profile: what is known of a shopper without a history, such as `age=25-34`.
        diversity: how much it counts that items of a list are unlike each other, 0 to 1.
        diversify: `mmr` or `dpp`.
        explore: the chance that a place is left to chance.
        seed: of what is left to chance.
        why: add what each score is made of.
    """
    past = [e if isinstance(e, str) else e.in_history() for e in history] if history is not None else None
    return asked(
        "recommend",
        ("user", user),
        Hits.read,
        history=past,
        k=k,
        seen=seen,
        where=where,
        phrase=phrase,
        profile=profile,
        diversity=diversity,
        diversify=diversify,
        explore=explore,
        seed=seed,
        why=why,
    )


def search(
    phrase: str | list[str] | None = None,
    *,
    photo: Photo | None = None,
    user: str | None = None,
    queries: Texts | None = None,
    k: int = 10,
    where: str | None = None,
    facets: str | None = None,
    expand: int = 0,
    why: bool = False,
) -> Call[Hits]:
    """Ask what fits these words, or a photo.

    Args:
        phrase: the words, in any script; a list is a batch.
        photo: a file, or what is in it; with a phrase, both count.
        user: the shopper who asks.
        queries: what this shopper searched for before, the latest last.
        k: how many answers.
        where: a hard filter, such as `price<20 and category:shoes`.
        facets: columns whose values are counted, such as `brand,category`; see `beside` of the answer.
        expand: so many products more, similar to the first answers.
        why: add what each score is made of.
    """
    return asked(
        "search",
        ("phrase", phrase),
        Hits.read,
        photo=photo,
        user=user,
        queries=_listed(queries),
        k=k,
        where=where,
        facets=facets,
        expand=expand,
        why=why,
    )


def similar(
    item: str | list[str] | None = None,
    *,
    phrase: str | None = None,
    photo: Photo | None = None,
    k: int = 10,
    where: str | None = None,
    diversity: float = 0.0,
    diversify: Literal["mmr", "dpp"] = "mmr",
    why: bool = False,
) -> Call[Hits]:
    """Ask which products are like this one.

    Args:
        item: an item's id; a list is a batch.
        phrase: words as a title may have them; with an item, both count alike.
        photo: a file, or what is in it.
        k: how many answers.
        where: a hard filter, such as `price<20 and category:shoes`.
        diversity: how much it counts that items of a list are unlike each other, 0 to 1.
        diversify: `mmr` or `dpp`.
        why: add what each score is made of.
    """
    return asked(
        "similar",
        ("item", item),
        Hits.read,
        phrase=phrase,
        photo=photo,
        k=k,
        where=where,
        diversity=diversity,
        diversify=diversify,
        why=why,
    )


def _listed(texts: Texts | None) -> list[Any] | None:
    return None if texts is None else list(texts)
