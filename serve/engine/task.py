"""What the scheduler knows of a request, and what one step computes. Pure: no torch here."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Task:
    """A request as a growing list of tokens: its prompt, then what was generated.

    `computed` of them have their keys and values in `slot`; `cached` of those were there before. The
    task is decoding when exactly one is pending. `cancelled` may be set from another thread.
    """

    adapter: str | None
    ids: list[int]
    computed: int = 0
    cached: int = 0
    slot: int = -1
    cancelled: bool = False

    @property
    def pending(self) -> int:
        """Tokens that must be computed before the next one can be chosen."""
        return len(self.ids) - self.computed


@dataclass(frozen=True, slots=True)
class Part:
    """The next `count` pending tokens of a task, computed in one step, from position `start`."""

    task: Task
    start: int
    count: int

    @property
    def samples(self) -> bool:
        """The step ends with a new token for the task."""
        return self.start + self.count == len(self.task.ids)


@dataclass(frozen=True, slots=True)
class PrefixCopy:
    """Keys and values of the first `count` positions, from one slot to another."""

    source: int
    target: int
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """Copies first, in order, then all parts in one forward pass."""

    parts: tuple[Part, ...]
    copies: tuple[PrefixCopy, ...] = field(default=())
