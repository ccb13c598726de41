"""The comparison in words: who answers best, by how much, and whether that could be chance.

"Best" is said only when the paired interval excludes 0 and the p-value corrected for all pairs
agrees; otherwise the verdict is "undecided" and says how many more questions would help. It is
always about the best arm by the set's own metric: nothing else is searched for a winner.
"""

from collections.abc import Sequence

from train import metrics
from train.scorecard import ArmSummary
from train.statistics import Interval, PairedDifference

SMOKE_TEST = 20  # fewer questions than this decide nothing
_CHEAPER = 0.8  # cheaper means at most this share of the other's latency or tokens ...
_ALIKE = 1.05  # ... with the other of the two at most this much higher
_CUT = 0.05  # an arm of whose answers more than this were cut off may be better than its score


def verdict(
    arms: Sequence[ArmSummary], pairs: Sequence[PairedDifference], oracle: bool = False
) -> str:
    """One sentence on the outcome, and one each on cost, few questions and failures where it applies.

    `oracle`: the documents were given instead of retrieved.
    """
    ranked = rank(arms)
    parts = [_outcome(ranked, pairs)]
    parts += _cheaper(ranked, pairs)
    parts += _caveats(arms)
    if oracle and any(arm.rag for arm in arms):
        parts.append(
            "The right documents were given to every arm that sees documents: no retriever is as good."
        )
    return " ".join(parts)


def rank(arms: Sequence[ArmSummary]) -> list[ArmSummary]:
    """Best first by the set's metric; equal ones by fewer tokens, then in the order given."""
    return sorted(arms, key=lambda arm: (-arm.value, _tokens(arm)))


def tied_with_best(
    ranked: Sequence[ArmSummary], pairs: Sequence[PairedDifference]
) -> list[ArmSummary]:
    """Arms that may be as good as the best one as far as these questions can tell, in rank order."""
    best = ranked[0]
    return [arm for arm in ranked[1:] if not find_pair(pairs, best.arm, arm.arm).decided]


def find_pair(pairs: Sequence[PairedDifference], a: str, b: str) -> PairedDifference:
    """The difference between two arms, whichever is better."""
    return next(pair for pair in pairs if {pair.better, pair.worse} == {a, b})


def percent(value: float) -> str:
    """A share as `71.7 %`."""
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of shares as signed points: `+18.3`."""
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def span(difference: Interval) -> str:
    """The interval of a difference in points: `−6.7 to 13.3`."""
    low, high = (points(bound).removeprefix("+") for bound in (difference.low, difference.high))
    return f"{low} to {high}"


def _outcome(ranked: Sequence[ArmSummary], pairs: Sequence[PairedDifference]) -> str:
    best = ranked[0]
    scale = f"{percent(best.value)} {metrics.METRIC_TITLES[best.metric]}"
    if len(ranked) == 1:
        interval = " to ".join(percent(bound) for bound in best.ci95)
        return (
            f"{best.arm} alone: {scale} (95 % CI {interval}, n={best.n}); nothing to compare with."
        )
    if best.value == 0:
        return (
            f"No arm answers this set: {scale} for every arm (n={best.n}). "
            "Read the answers in the report before anything else."
        )
    if tied_with_best(ranked, pairs):
        return _undecided(ranked, pairs)
    return _winner(ranked, pairs, scale)


def _winner(ranked: Sequence[ArmSummary], pairs: Sequence[PairedDifference], scale: str) -> str:
    best, second = ranked[0], ranked[1]
    pair = find_pair(pairs, best.arm, second.arm)
    lead = (
        f"{best.arm} answers best on this set: {scale}, {points(pair.difference.value)} points over "
        f"{second.arm} (95 % CI {span(pair.difference)}, n={best.n})"
    )
    return f"{lead}{_versus_rag(ranked, pairs)}."


def _undecided(ranked: Sequence[ArmSummary], pairs: Sequence[PairedDifference]) -> str:
    best, rivals = ranked[0], tied_with_best(ranked, pairs)
    rival = rivals[0]
    pair = find_pair(pairs, best.arm, rival.arm)
    others = f" (nor from {_listing(rivals[1:])})" if rivals[1:] else ""
    lead = (
        f"Undecided between {best.arm} and {rival.arm}{others}: {percent(best.value)} and "
        f"{percent(rival.value)} {metrics.METRIC_TITLES[best.metric]}, "
        f"{points(pair.difference.value)} points (95 % CI {span(pair.difference)}, n={best.n}); "
        f"{_more(pair, len(pairs))}"
    )
    known = {best.arm, rival.arm}
    return f"{lead}{'' if 'rag' in known else _versus_rag(ranked, pairs)}."


def _versus_rag(ranked: Sequence[ArmSummary], pairs: Sequence[PairedDifference]) -> str:
    """How the best arm stands against plain RAG, where the sentence has not said it yet."""
    best, second = ranked[0], ranked[1]
    if "rag" in (best.arm, second.arm) or all(arm.arm != "rag" for arm in ranked):
        return ""
    pair = find_pair(pairs, best.arm, "rag")
    told = f"{points(pair.difference.value)} over rag ({span(pair.difference)})"
    return (
        f"; {best.arm} is {told}" if pair.decided else f"; {best.arm} against rag is open: {told}"
    )


def _more(pair: PairedDifference, pairs: int) -> str:
    if pair.difference.value == 0:
        return "they score the same here, so no number of further questions can be named"
    prefix = f"not beyond chance once corrected for {pairs} pairs, " if pair.leaning else ""
    if pair.more_questions is None:
        return (
            f"{prefix}a difference this small is out of reach of any practical number of questions"
        )
    return f"{prefix}about {round_up(pair.more_questions):,} more questions needed"


def round_up(count: int) -> int:
    """Two significant digits, upwards, and at least ten: an estimate should not look exact."""
    step = 10 ** max(0, len(str(count)) - 2)
    return max(10, -(-count // step) * step)


def _cheaper(ranked: Sequence[ArmSummary], pairs: Sequence[PairedDifference]) -> list[str]:
    """A hint when an arm that may be as good as the best costs clearly less."""
    if len(ranked) < 2 or ranked[0].value == 0:
        return []
    best = ranked[0]
    rivals = [arm for arm in tied_with_best(ranked, pairs) if _costs_less(arm, best)]
    if not rivals:
        return []
    arm = min(rivals, key=_tokens)
    untrained = "; it needs no training" if best.trained and not arm.trained else ""
    return [
        f"{arm.arm} is the cheaper choice while it is open: {_cost(arm)}, "
        f"{best.arm} {_cost(best)}{untrained}."
    ]


def _caveats(arms: Sequence[ArmSummary]) -> list[str]:
    found = []
    if arms[0].n < SMOKE_TEST:
        found.append(f"With {arms[0].n} questions this is a smoke test.")
    if failed := sum(arm.errors for arm in arms):
        what = "request failed for good and counts" if failed == 1 else "requests failed and count"
        found.append(f"{failed} {what} as wrong.")
    if cut := [arm for arm in arms if arm.truncation_rate > _CUT]:
        shares = ", ".join(f"{arm.arm} {percent(arm.truncation_rate)}" for arm in cut)
        found.append(
            f"Answers cut off at --max-tokens: {shares}; what would have come last in them is missing, "
            "so raise it before trusting these scores."
        )
    return found


def _costs_less(arm: ArmSummary, best: ArmSummary) -> bool:
    tokens = _tokens(arm) / max(_tokens(best), 1.0)
    latency = (arm.latency_p50_s or 0.0) / max(best.latency_p50_s or 0.0, 1e-9)
    return min(tokens, latency) <= _CHEAPER and max(tokens, latency) <= _ALIKE


def _cost(arm: ArmSummary) -> str:
    return f"{_tokens(arm):,.0f} tokens a question, p50 {arm.latency_p50_s or 0:.1f} s"


def _tokens(arm: ArmSummary) -> float:
    return (arm.tokens_in or 0.0) + (arm.tokens_out or 0.0)


def _listing(arms: Sequence[ArmSummary]) -> str:
    *head, last = [arm.arm for arm in arms]
    return f"{', '.join(head)} and {last}" if head else last
