"""The encoders of a field by the names that a settings file uses."""

from shelfspace.encoders.fields import Attributes, Hashed, Ids, Numbers, Vectors

ENCODERS: dict[str, type] = {
    "ids": Ids,
    "attributes": Attributes,
    "hashed": Hashed,
    "vectors": Vectors,
    "numbers": Numbers,
}
