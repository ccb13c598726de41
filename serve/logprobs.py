"""The `logprobs` of a choice in OpenAI's shape.

They are of the tokens as the model made them, markers of quotes and the end of its turn among them,
so their count is `completion_tokens`; `content` shows the same text for a reader.
"""

from collections.abc import Iterable
from typing import Any

from serve.engine.protocol import LikelyToken, TokenLogprob


def logprobs_json(tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
    """`{"content": [...], "refusal": null}`, an entry for each token.

    A token may be a part of a character: then `token` has a replacement character and `bytes` the truth.
    """
    return {"content": [_generated(token) for token in tokens], "refusal": None}


def _generated(token: TokenLogprob) -> dict[str, Any]:
    return {**_likely(token.chosen), "top_logprobs": [_likely(other) for other in token.top]}


def _likely(token: LikelyToken) -> dict[str, Any]:
    return {
        "token": token.piece.decode("utf-8", errors="replace"),
        "logprob": token.logprob,
        "bytes": list(token.piece),
    }
