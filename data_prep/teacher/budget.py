"""What the teacher may cost: prices, an upper bound for a call, and a stop before the limit.

A call starts only while everything spent, every call under way and this call at its dearest fit the
limits. Dearest means that every byte of the prompt is a token (no byte-level tokenizer makes more)
and that the answer is as long as allowed, so the limit holds whatever the endpoint's tokenizer. Calls
that fit once others have ended wait for them. Attempts that died without an answer are not counted:
nobody says what they cost.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster.errors import SettingsError
from cluster.prompts import Message
from cluster.settings import TeacherSettings

# chat templates put some tokens around every message
_TOKENS_AROUND_MESSAGE = 16
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls and their tokens."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def tokens(self) -> int:
        """Both directions together."""
        return self.tokens_in + self.tokens_out

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
        )

    def __sub__(self, other: "Usage") -> "Usage":
        return self + Usage(-other.calls, -other.tokens_in, -other.tokens_out)


class Prices:
    """USD for tokens, from the settings; unknown when either price is not set."""

    def __init__(self, settings: TeacherSettings) -> None:
        self._input = settings.input_usd_per_million
        self._output = settings.output_usd_per_million

    def cost(self, usage: Usage) -> float | None:
        """USD; None without prices."""
        if self._input is None or self._output is None:
            return None
        return (usage.tokens_in * self._input + usage.tokens_out * self._output) / 1e6


class Budget:
    """The limits of `settings` over what `spent` says was spent before. For one event loop.

    Raises SettingsError when a cost limit is set without prices.
    """

    def __init__(self, settings: TeacherSettings, spent: Usage) -> None:
        self.prices = Prices(settings)
        if settings.max_cost_usd is not None and self.prices.cost(Usage()) is None:
            raise SettingsError(
                f"teacher.max_cost_usd={settings.max_cost_usd:g} (--max-cost) needs prices, which are "
                "not built in: set teacher.input_usd_per_million and teacher.output_usd_per_million, "
                "or limit tokens with teacher.max_tokens (--max-tokens)"
            )
        self.spent = spent
        self._max_cost = settings.max_cost_usd
        self._max_tokens = settings.max_tokens
        self._reserved = Usage()
        self._changed = asyncio.Condition()

    async def reserve(self, most: Usage) -> bool:
        """Room for a call of at most `most`; False when it can never fit. Waits for calls under way."""
        async with self._changed:
            while not self._fits(self.spent + self._reserved + most):
                if not self._fits(self.spent + most):
                    return False
                await self._changed.wait()
            self._reserved += most
            return True

    async def settle(self, most: Usage, actual: Usage) -> None:
        """Give a reservation back and count what the call really took."""
        async with self._changed:
            self._reserved -= most
            self.spent += actual
            self._changed.notify_all()

    def describe(self) -> str:
        """What was spent of what is allowed, for a person."""
        cost = self.prices.cost(self.spent)
        of_cost = f" of {self._max_cost:g}" if self._max_cost is not None else ""
        of_tokens = f" of {self._max_tokens:,}" if self._max_tokens is not None else ""
        money = f"{cost:.4f}{of_cost} USD, " if cost is not None else ""
        return f"{money}{self.spent.tokens:,}{of_tokens} tokens"

    def _fits(self, usage: Usage) -> bool:
        if self._max_tokens is not None and usage.tokens > self._max_tokens:
            return False
        cost = self.prices.cost(usage)
        return self._max_cost is None or cost is None or cost <= self._max_cost


def likely_tokens(texts: Iterable[str]) -> int:
    """About how many tokens texts are: a quarter of their bytes in UTF-8."""
    return sum(-(-len(text.encode()) // _BYTES_PER_TOKEN) for text in texts)


def most_tokens(messages: Sequence[Message]) -> int:
    """More tokens than any byte-level tokenizer makes of a prompt."""
    around = _TOKENS_AROUND_MESSAGE * (len(messages) + 1)
    return around + sum(len(message["content"].encode()) for message in messages)
