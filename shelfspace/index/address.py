"""Addresses of indexes: their settings, and how they are shown."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

SECRETS = ("password", "passfile", "sslpassword", "token", "key", "api_key")


def settings_in(query: str) -> dict[str, int | bool | str]:
    """Return the settings after the question mark, whole numbers and flags as such.

    Example:
        >>> settings_in("connectivity=32&tls=true&table=items")
        {'connectivity': 32, 'tls': True, 'table': 'items'}
    """
    return {key: _value(text) for key, text in parse_qsl(query, keep_blank_values=True)}


def without_secrets(address: str) -> str:
    """Return an address as it may be shown and saved: without its password.

    Example:
        >>> without_secrets("postgresql://shop:secret@db:5432/vectors?table=items")
        'postgresql://shop@db:5432/vectors?table=items'
    """
    scheme, there, _ = address.partition("://")
    if not there:
        return address
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    user = user.partition(":")[0]
    asked = parse_qsl(parts.query, keep_blank_values=True)
    open_ones = [(key, value) for key, value in asked if key.lower() not in SECRETS]
    query = parts.query if len(open_ones) == len(asked) else urlencode(open_ones, safe="/")
    return f"{scheme}://{user}{at if user else ''}{host}" + urlunsplit(("", "", parts.path, query, ""))


def _value(text: str) -> int | bool | str:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.isascii() and text.isdigit() else text
