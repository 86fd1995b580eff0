import hashlib
import json

from shelfspace.store.records import Write
from shelfspace.store.rows import decoded, encoded, fingerprint, tombstone, user_hash

SALT = b"salt"


def test_a_row_holds_what_a_write_says() -> None:
    (row,) = encoded([Write("event", "add", "茶", "ann", "e1", {"price": 9.5, "query": "茶 \0"})], SALT)
    assert row[1:6] == ("event", "add", "茶", "ann", "e1")
    assert row[6] == '{"price":9.5,"query":"茶 \\u0000"}'
    assert row[7] == user_hash(SALT, "ann")
    assert row[8] == hashlib.sha256(b"salte1").digest()[:16]
    (record,) = decoded([(7, *row[:7])])
    assert (record.seq, record.at, record.body) == (7, row[0], {"price": 9.5, "query": "茶 \0"})


def test_hashes_are_of_the_salt_and_the_id() -> None:
    assert fingerprint(SALT, "ann") == hashlib.sha256(b"saltann").hexdigest()
    assert user_hash(SALT, "ann") % 2**64 == int(fingerprint(SALT, "ann")[:16], 16)
    assert -(2**63) <= user_hash(SALT, "ann") < 2**63
    assert user_hash(SALT, "ann") != user_hash(b"other", "ann")


def test_a_tombstone_names_nobody() -> None:
    row = tombstone(SALT, "ann")
    assert json.loads(row[6]) == {"fingerprint": fingerprint(SALT, "ann")}
    assert row[1:3] == ("user", "forget")
    assert row[3:6] == (None, None, None)
    assert row[7:] == (None, None)
