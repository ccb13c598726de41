"""Chunks -> rounds of calls -> lines of a question file.

Chunks go in waves: a round asks the answers to one wave's questions and the next wave's questions, and
is durable before it is read. So memory and idle time stay small, and a budget that ends early leaves
whole questions. A question that repeats an earlier one is dropped before its answer is paid for.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.console import Progress
from cluster.records import Chunk
from cluster.settings import TeacherSettings
from data_prep.teacher.calls import Call, Reply
from data_prep.teacher.prompts import answer_call, questions_call
from data_prep.teacher.rounds import Rounds
from data_prep.teacher.written import Asked, normalized, questions_in, record_of

# chunks in a wave, for each call that may be under way: enough that the end of a round idles little
_WAVE = 4


class Author:
    """Turns the replies of one request into lines of a question file."""

    def __init__(self, settings: TeacherSettings, order: str, generation: str) -> None:
        self.lines: list[dict[str, Any]] = []
        self.rejected: Counter[str] = Counter()
        self._settings = settings
        self._order = order
        self._generation = generation
        self._seen: set[str] = set()

    async def write(self, chunks: Sequence[Chunk], rounds: Rounds, progress: Progress) -> None:
        """Ask about every chunk, in waves."""
        answering: list[tuple[Call, Asked]] = []
        for wave in _waves(chunks, _WAVE * self._settings.concurrency):
            asking = [(questions_call(self._settings, self._order, chunk), chunk) for chunk in wave]
            calls = [call for call, _ in answering] + [call for call, _ in asking]
            replies = await rounds.ask(calls, progress)
            self._keep(answering, replies)
            answering = self._questions(asking, replies)
            progress.advance(len(asking) * self._settings.questions_per_chunk - len(answering))

    def _questions(
        self, asking: Sequence[tuple[Call, Chunk]], replies: Mapping[str, Reply]
    ) -> list[tuple[Call, Asked]]:
        """The calls that answer what was written about the chunks, each question once."""
        found = []
        for call, chunk in asking:
            if (reply := replies.get(call.key)) is None:
                continue
            usable, reasons = questions_in(reply, chunk, self._settings.questions_per_chunk)
            self.rejected.update(reasons)
            for asked in usable:
                if normalized(asked.question) in self._seen:
                    self.rejected["repeated_question"] += 1
                    continue
                self._seen.add(normalized(asked.question))
                name = (asked.id, asked.question)
                found.append((answer_call(self._settings, self._order, chunk, name), asked))
        return found

    def _keep(self, answering: Sequence[tuple[Call, Asked]], replies: Mapping[str, Reply]) -> None:
        for call, asked in answering:
            if (reply := replies.get(call.key)) is None:
                continue
            line = record_of(asked, reply, self._generation)
            if isinstance(line, str):
                self.rejected[line] += 1
            else:
                self.lines.append(line)


def _waves(chunks: Sequence[Chunk], size: int) -> Iterator[Sequence[Chunk]]:
    """The chunks in groups, and an empty one in which the last answers are asked."""
    yield from (chunks[at : at + size] for at in range(0, len(chunks), size))
    yield ()
