"""The request of each route that writes or tells."""

from collections.abc import Mapping
from typing import Any

from shelfspace.client.calls import Call, json_of, path_of
from shelfspace.client.rates import Rates
from shelfspace.client.replies import About, Exported, Forgotten, Health, Kept

Columns = Mapping[str, Any]


def events(body: bytes) -> Call[Kept]:
    """Send a JSON list of events."""
    return Call("POST", "/events", Kept.read, body=body)


def impressions(body: bytes) -> Call[Kept]:
    """Send a JSON list of impressions."""
    return Call("POST", "/impressions", Kept.read, body=body)


def put_item(item: str, columns: Columns) -> Call[Kept]:
    """Put an item into the catalogue, or all of its columns anew; it is found within a second.

    Args:
        item: its id.
        columns: by name, as `title`, `category`, `price`, `available`; those not named are empty.
    """
    return Call("PUT", path_of("items", item), Kept.read, body=json_of(dict(columns)))


def patch_item(item: str, columns: Columns) -> Call[Kept]:
    """Change some columns of an item, such as `{"available": False}`.

    Args:
        item: its id.
        columns: by name; the others stay, and None empties one.
    """
    return Call("PATCH", path_of("items", item), Kept.read, body=json_of(dict(columns)))


def delete_item(item: str) -> Call[Kept]:
    """Take an item out of every answer.

    Args:
        item: its id.
    """
    return Call("DELETE", path_of("items", item), Kept.read)


def put_user(user: str, columns: Columns) -> Call[Kept]:
    """Put a user's profile, or all of its columns anew.

    Args:
        user: their id.
        columns: by name; those not named are empty.
    """
    return Call("PUT", path_of("users", user), Kept.read, body=json_of(dict(columns)))


def patch_user(user: str, columns: Columns) -> Call[Kept]:
    """Change some columns of a user's profile.

    Args:
        user: their id.
        columns: by name; the others stay, and None empties one.
    """
    return Call("PATCH", path_of("users", user), Kept.read, body=json_of(dict(columns)))


def forget(user: str) -> Call[Forgotten]:
    """Purge everything held about a user at once; needs a key with the scope `admin`.

    Args:
        user: their id.
    """
    return Call("DELETE", path_of("users", user), Forgotten.read)


def export_user(user: str) -> Call[Exported]:
    """Return everything held about a user; needs a key with the scope `admin`.

    Args:
        user: their id.
    """
    return Call("GET", path_of("users", user, "export"), Exported.read)


def variants() -> Call[Rates]:
    """Return how two variants do, with intervals; needs a key with the scope `admin`."""
    return Call("GET", "/variants", Rates.read)


def about() -> Call[About]:
    """Return what answers there, and what it can be asked."""
    return Call("GET", "/", About.read)


def live() -> Call[bool]:
    """Return whether the process is up."""
    return Call("GET", "/health/live", lambda reply: bool(reply.json()["live"]))


def health() -> Call[Health]:
    """Return whether the service is ready to answer; not being so is an answer, no error."""
    return Call("GET", "/health/ready", Health.read, accepts=(503,))


def metrics() -> Call[str]:
    """Return the service's figures in the form that Prometheus reads; needs a key with the scope `admin`."""
    return Call("GET", "/metrics", lambda reply: reply.content.decode())
