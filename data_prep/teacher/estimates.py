"""What writing questions would take: calls, tokens and cost, without asking anybody.

Prompts are rendered and counted as a quarter of their bytes; answers are taken to be as long as those
that the ledger holds already, else as `_GUESS` says. Calls that were answered before cost nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from cluster.records import Chunk
from cluster.settings import TeacherSettings
from data_prep.teacher.budget import Prices, Usage, likely_tokens
from data_prep.teacher.calls import Call, Kind, Reply
from data_prep.teacher.ledger import CallLedger
from data_prep.teacher.prompts import answer_call, questions_call
from data_prep.teacher.written import questions_in

BASIS = (
    "a token is taken as 4 bytes of UTF-8 text; answers as long as earlier ones, else as guessed"
)
# output tokens of a question and of an answer with its quotes
_GUESS: dict[Kind, int] = {"questions": 30, "answer": 160}
_TYPICAL_QUESTION = "Which of the values that the manual names is used when nothing else is set?"


def estimate(
    settings: TeacherSettings, order: str, chunks: Sequence[Chunk], ledger: CallLedger
) -> dict[str, Any]:
    """The estimate as JSON: `calls`, `tokens`, `cost_usd` (null without prices) and their upper bound."""
    found = [call for chunk in chunks for call in _calls(settings, order, chunk, ledger)]
    missing = [call for call in found if ledger.get(call.key) is None]
    written = _written(settings, ledger.replies())
    likely, most = Usage(), Usage()
    for call in missing:
        tokens_in = likely_tokens(message["content"] for message in call.messages)
        likely += Usage(1, tokens_in, min(written[call.kind], call.most_out))
        most += Usage(1, tokens_in, call.most_out)
    kinds = [call.kind for call in missing]
    prices, spent = Prices(settings), ledger.spent(order)
    return {
        "model": settings.model,
        "chunks": len(chunks),
        "calls": {
            "questions": kinds.count("questions"),
            "answers": kinds.count("answer"),
            "answered_before": len(found) - len(missing),
        },
        "tokens": {"input": likely.tokens_in, "output": likely.tokens_out, "output_most": most.tokens_out},
        "cost_usd": _rounded(prices.cost(likely)),
        "cost_usd_most": _rounded(prices.cost(most)),
        "spent_before": {"tokens": spent.tokens, "cost_usd": _rounded(prices.cost(spent))},
        "basis": BASIS,
    }  # fmt: skip


def _calls(
    settings: TeacherSettings, order: str, chunk: Chunk, ledger: CallLedger
) -> Iterable[Call]:
    """The calls about a chunk: exactly, when its questions are known, else as many as asked for."""
    first = questions_call(settings, order, chunk)
    yield first
    reply, count = ledger.get(first.key), settings.questions_per_chunk
    if reply is None:
        names = [(f"{number}", f"{_TYPICAL_QUESTION} ({number})") for number in range(count)]
    else:
        names = [(asked.id, asked.question) for asked in questions_in(reply, chunk, count)[0]]
    for name in names:
        yield answer_call(settings, order, chunk, name)


def _written(settings: TeacherSettings, replies: Iterable[Reply]) -> dict[Kind, int]:
    """Output tokens to expect of a call of each kind."""
    expected = {**_GUESS, "questions": _GUESS["questions"] * settings.questions_per_chunk}
    known: dict[Kind, list[int]] = {kind: [] for kind in _GUESS}
    for reply in replies:
        if reply.tokens_out:
            known[reply.kind].append(reply.tokens_out)
    for kind, counts in known.items():
        if counts:
            expected[kind] = -(-sum(counts) // len(counts))
    return expected


def _rounded(cost: float | None) -> float | None:
    return None if cost is None else round(cost, 4)
