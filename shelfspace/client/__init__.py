"""A typed client of the HTTP service: one method a route, answers as plain dataclasses, needs httpx alone.

from shelfspace.client import Client, Event

with Client("http://127.0.0.1:8000") as client:
    client.send([Event("sku-42", user_id="user-7", event="view")])
    for hit in client.recommend("user-7", k=5):
        print(hit.item_id, hit.score)
"""

from shelfspace.client.answers import Group, Groups, Hit, Hits, Label, Labels, Member, Pair, Why
from shelfspace.client.asynchronous import AsyncClient
from shelfspace.client.rates import Difference, Estimate, Rates, VariantRates
from shelfspace.client.refused import ClientError
from shelfspace.client.replies import About, Exported, Forgotten, Health, Kept
from shelfspace.client.synchronous import Client
from shelfspace.client.writes import Event, Impression

__all__ = [
    "About",
    "AsyncClient",
    "Client",
    "ClientError",
    "Difference",
    "Estimate",
    "Event",
    "Exported",
    "Forgotten",
    "Group",
    "Groups",
    "Health",
    "Hit",
    "Hits",
    "Impression",
    "Kept",
    "Label",
    "Labels",
    "Member",
    "Pair",
    "Rates",
    "VariantRates",
    "Why",
]
