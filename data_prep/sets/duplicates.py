"""Texts that say the same: resemblance of two texts, and clusters among many (MinHash; Broder 1997).

A text is the set of its word triples, so one changed number in a long paragraph is a near duplicate
and two different sentences about one subject are not. Pairs are compared exactly; among many texts
banded MinHash signatures propose the pairs, so the work grows with the texts and not with the pairs.
"""

import re
import zlib
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

_SHINGLE = 3
_PERMUTATIONS, _BANDS = 128, 32
# scripts without spaces count by character
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_random = np.random.default_rng(20240315)  # fixed: signatures of different runs must agree
_FACTOR = _random.integers(1, 2**63, _PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
_OFFSET = _random.integers(0, 2**63, _PERMUTATIONS, dtype=np.uint64)

Signature = NDArray[np.uint32]


class Links:
    """Groups that grow by linking two members; a group is named by its smallest member."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def link(self, one: str, other: str) -> None:
        """Put both, and all that is linked to them, into one group."""
        first, second = sorted((self.root(one), self.root(other)))
        self._parent[second] = first

    def root(self, member: str) -> str:
        """The name of the member's group: the same whatever the order of the links."""
        parent = self._parent
        while parent.setdefault(member, member) != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member


def words_of(text: str) -> list[str]:
    """Words of a text, without case and punctuation."""
    return _WORD.findall(text.casefold())


def shingles(text: str) -> frozenset[str]:
    """The word triples of a text; of a shorter text all its words as one."""
    words = words_of(text)
    last = max(1, len(words) - _SHINGLE + 1)
    return frozenset(" ".join(words[at : at + _SHINGLE]) for at in range(last))


def resemblance(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity of two sets of shingles, 0..1."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def signature(found: frozenset[str]) -> Signature:
    """MinHash of a set of shingles: the share of equal places estimates the resemblance."""
    hashes = np.fromiter((zlib.crc32(shingle.encode()) for shingle in found), dtype=np.uint64)
    mixed_NP = (hashes[:, None] * _FACTOR + _OFFSET) >> np.uint64(32)
    return np.asarray(mixed_NP.min(axis=0), dtype=np.uint32)


def clusters(texts: Iterable[tuple[str, str]], threshold: float) -> Mapping[str, str]:
    """Key -> the smallest key of its cluster, over (key, text) pairs in any order.

    Two texts whose estimated resemblance reaches `threshold` are linked, and links are transitive.
    """
    signatures = {key: signature(shingles(text)) for key, text in texts}
    links = Links()
    buckets: dict[tuple[int, bytes], list[str]] = {}
    rows = _PERMUTATIONS // _BANDS
    for key in sorted(signatures):
        own = signatures[key]
        for band in range(_BANDS):
            part = own[band * rows : (band + 1) * rows].tobytes()
            # one member a cluster stands for it, so a bucket of equal texts stays short
            members = buckets.setdefault((band, part), [])
            for member in members:
                if links.root(member) == links.root(key):
                    break
                if float(np.mean(signatures[member] == own)) >= threshold:
                    links.link(member, key)
                    break
            else:
                members.append(key)
    return {key: links.root(key) for key in signatures}
