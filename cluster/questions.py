"""What may be asked: text that is text; and a question longer than the embedder reads, in parts. Pure."""

import re
from collections.abc import Sequence

from cluster.errors import UsageError

_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_PARTS = 8
# tokens at either end that count as much as all the rest: there people say what they want
_END = 64


def check_text(name: str, text: str) -> None:
    """UsageError for half of a surrogate pair, which JSON and a shell can write but no encoding can."""
    if found := _SURROGATE.search(text):
        raise UsageError(
            f"{name}: character {found.start() + 1} is U+{ord(found[0]):04X}, half of a surrogate pair, and "
            "no text; in JSON such halves come in pairs, and an argument of a command must be UTF-8"
        )


def check_question(question: str) -> None:
    """UsageError for what cannot be searched for."""
    check_text("the question", question)
    if not question.strip():
        raise UsageError("the question is empty; ask for something in words")


def parts_of(text: str, offsets: Sequence[tuple[int, int]], room: int) -> list[str]:
    """A text of more than `room` tokens in pieces of so many, then its beginning and its end.

    `offsets` are where its tokens lie. Of very many pieces `MAX_PARTS` are taken, evenly.
    """
    starts: Sequence[int] = range(0, len(offsets), room)
    if len(starts) > MAX_PARTS:
        step = (len(starts) - 1) / (MAX_PARTS - 1)
        starts = [starts[round(n * step)] for n in range(MAX_PARTS)]
    end = min(_END, room)
    spans = [*((start, start + room) for start in starts), (0, end), (-end, len(offsets))]
    pieces = [offsets[start:stop] for start, stop in spans]
    return [text[piece[0][0] : piece[-1][1]] for piece in pieces]


def cut_notice(tokens: int, room: int) -> str:
    """What to tell whoever asked a question of so many tokens."""
    pieces = -(-tokens // room)
    which = f"{pieces} parts" if pieces <= MAX_PARTS else f"{MAX_PARTS} of its {pieces} parts"
    return (
        f"the question has {tokens} tokens, models.embedder reads {room} at once: it was read in "
        f"{which}, and its beginning and its end count most; a shorter question finds better"
    )
