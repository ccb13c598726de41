"""Two searches of one question -> one order, by a weighted sum of their scores. Pure.

Scores are divided by the best of their search, so that cosine and BM25 can be added. Ranks alone
(reciprocal rank fusion) throw away how much better the best hit is; sums of normalised scores
find more in most studies (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval",
2023).
"""

from collections.abc import Mapping


def fuse(dense: Mapping[str, float], sparse: Mapping[str, float], dense_weight: float) -> list[str]:
    """Ids of both searches, best first; what one did not find counts nothing there."""
    scores: dict[str, float] = {}
    for found, weight in ((dense, dense_weight), (sparse, 1 - dense_weight)):
        best = max(found.values(), default=0.0)
        for name, score in found.items() if best > 0 else ():
            scores[name] = scores.get(name, 0.0) + weight * max(score, 0.0) / best
    # a search that knows nothing still has an order
    rest = [name for name in (*dense, *sparse) if name not in scores]
    return sorted(scores, key=lambda name: -scores[name]) + list(dict.fromkeys(rest))
