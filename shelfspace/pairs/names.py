"""The sources of pairs by the names that a settings file uses."""

from shelfspace.pairs.attribute import Attribute
from shelfspace.pairs.basket import Basket
from shelfspace.pairs.category import Category
from shelfspace.pairs.cooccurrence import Cooccurrence
from shelfspace.pairs.hidden_item import HiddenItem
from shelfspace.pairs.matches import Matches
from shelfspace.pairs.next_basket import NextBasket
from shelfspace.pairs.next_item import NextItem
from shelfspace.pairs.photos import Photos
from shelfspace.pairs.relations import Relations
from shelfspace.pairs.same_target import SameTarget
from shelfspace.pairs.session import Session
from shelfspace.pairs.text_photo import TextPhoto
from shelfspace.pairs.two_histories import TwoHistories
from shelfspace.pairs.two_views import TwoViews
from shelfspace.pairs.user_item import UserItem
from shelfspace.pairs.window import Window

PAIR_SOURCES: dict[str, type] = {
    "user_item": UserItem,
    "next_item": NextItem,
    "next_basket": NextBasket,
    "basket": Basket,
    "session": Session,
    "window": Window,
    "cooccurrence": Cooccurrence,
    "category": Category,
    "attribute": Attribute,
    "relations": Relations,
    "matches": Matches,
    "two_views": TwoViews,
    "two_histories": TwoHistories,
    "same_target": SameTarget,
    "hidden_item": HiddenItem,
    "text_photo": TextPhoto,
    "photos": Photos,
}

WITHOUT_EVENTS = ("category", "attribute", "relations", "matches", "two_views", "text_photo", "photos")
"""Those that a shop without events can learn from."""
