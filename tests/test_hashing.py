"""Short hashes, which name what is kept: they must never change."""

from impasto.hashing import short_hash


def test_hash_of_all_parts():
    assert short_hash([b"abc"]) == "ba7816bf8f01cfea"  # of FIPS 180-2
    assert short_hash(iter([b"a", b"", b"bc"]), digits=12) == "ba7816bf8f01"
