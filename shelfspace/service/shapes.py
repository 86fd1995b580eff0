"""The JSON that comes back, as the OpenAPI page tells it. What is sent is written straight to bytes."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Number = float | None


class Why(BaseModel):
    """One additive part of a score."""

    part: str
    item_id: str | None
    title: str | None
    amount: Number


class Hit(BaseModel):
    """One answer; what else a task says of it stands beside, such as `found`, `list_id` or `propensity`."""

    model_config = ConfigDict(extra="allow")

    subject: str = Field(description="what it answers: the item, the shopper, the phrase")
    rank: int = Field(ge=1)
    title: str
    score: Number = Field(description="higher is closer")
    why: list[Why] | None = Field(None, description="what the score is made of; with `why` only")


class ItemHit(Hit):
    """An item."""

    item_id: str


class ShopperHit(Hit):
    """A shopper."""

    user_id: str


class OfferHit(Hit):
    """An offer."""

    offer_id: str
    campaign: str | None


class Answered(BaseModel):
    """What every answer says beside."""

    notes: list[str] = Field(description="what the asker should know, such as which fallback answered")


class Hits(Answered):
    """Items in order, for one subject or for many; some tasks say more of the whole, such as `facets`."""

    model_config = ConfigDict(extra="allow")

    hits: list[ItemHit]


class Shoppers(Answered):
    """Shoppers in order."""

    hits: list[ShopperHit]


class Offers(Answered):
    """Offers in order."""

    hits: list[OfferHit]


class Member(BaseModel):
    """A listing of a group."""

    group: int
    item_id: str
    title: str
    catalogue: Literal["own", "other"]
    score: Number


class Part(BaseModel):
    """One part of a chance."""

    part: str
    amount: Number


class Pair(BaseModel):
    """Two listings, and the chance that they are one product."""

    left_id: str
    right_id: str
    left_title: str
    right_title: str
    score: Number
    same: bool
    left_price: Number
    right_price: Number
    left_image: str | None
    right_image: str | None
    why: list[Part]


class Groups(Answered):
    """Listings that are the same product."""

    groups: list[list[Member]]
    pairs: list[Pair]


class Label(BaseModel):
    """A label of a listing, null where nothing is sure enough."""

    subject: str
    title: str
    column: str
    rank: int
    label: str | None
    score: Number
    given: str | None
    why: list[Part] | None = None


class Labels(Answered):
    """Labels of listings."""

    labels: list[Label]


class Accepted(BaseModel):
    """What was written: it is on disk."""

    accepted: int = Field(ge=0, description="how many were kept")
    duplicates: int = Field(ge=0, description="how many were passed over: their event_id was there already")
    seq: int = Field(ge=0, description="the number of the store's last write")
    unknown_items: list[str] = Field(description="items that the catalogue does not have; kept all the same")


class Forgotten(BaseModel):
    """What became of somebody who is to be forgotten."""

    forgotten: Literal[True]
    seq: int = Field(ge=0)
    note: str


class Taken(BaseModel):
    """An event of a shopper as the space knows it."""

    item_id: str
    timestamp: str | float | None
    event: str | None
    weight: float


class Kept(BaseModel):
    """A write as the store keeps it."""

    seq: int
    at: str
    kind: str
    action: str
    item_id: str | None
    event_id: str | None
    body: dict[str, Any]


class Exported(BaseModel):
    """Everything held of a shopper."""

    user_id: str
    history: list[Taken] = Field(description="what the space answers by, the earliest first")
    profile: dict[str, list[str]] = Field(description="segments that were learnt from, by column")
    records: list[Kept] = Field(description="what the store keeps, in the order it came")


class Home(BaseModel):
    """What answers here."""

    name: str
    version: str
    space_version: int
    seq: int
    num_items: int
    num_users: int
    tasks: dict[str, str]
    docs: str
    openapi: str


class Error(BaseModel):
    """What went wrong."""

    code: str = Field(description="for a program", examples=["unknown_id"])
    message: str = Field(description="for a person: what to do", examples=["unknown item 'sku-43'"])
    request_id: str = Field(description="under which the server's log tells of it")


class Problem(BaseModel):
    """How every error is told."""

    error: Error


ANSWERS: dict[str, type[Answered]] = {
    "ads": Offers,
    "classify": Labels,
    "match": Groups,
    "people": Shoppers,
}
"""What a task answers with, by its name; `Hits` where nothing stands here."""
