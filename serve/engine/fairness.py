"""Who is next: fair between keys, first come first served within one. Pure.

Start-time fair queueing (Goyal, Vin and Cheng 1996): each key has a virtual time that grows by what
it was served; the key that had least is next. A key that was idle begins at the present, so it can
neither save up service nor be made to pay for a past alone. Every key's turn comes.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class FairQueue(Generic[Key, Item]):
    """Items wait under keys; `charge` says what a key was served."""

    def __init__(self) -> None:
        self._waiting: dict[Key, deque[Item]] = {}
        self._served: dict[Key, int] = {}
        self._active: Counter[Key] = Counter()
        self._now = 0

    def __len__(self) -> int:
        return sum(len(items) for items in self._waiting.values())

    def push(self, key: Key, item: Item) -> None:
        """Wait; the key counts as active until `leave` was called for each of its items."""
        if not self._active[key]:
            idle = [k for k, at in self._served.items() if at <= self._now and not self._active[k]]
            for old in idle:
                del self._served[old]
            self._served[key] = max(self._served.get(key, 0), self._now)
        self._active[key] += 1
        self._waiting.setdefault(key, deque()).append(item)

    def heads(self) -> list[tuple[Key, Item]]:
        """The first item of every key, the least served key first."""
        keys = sorted(self._waiting, key=self._served.__getitem__)  # stable: ties by arrival
        return [(key, self._waiting[key][0]) for key in keys]

    def pop(self, key: Key) -> Item:
        """Take the key's first item."""
        self._now = max(self._now, self._served[key])
        item = self._waiting[key].popleft()
        if not self._waiting[key]:
            del self._waiting[key]
        return item

    def charge(self, key: Key, cost: int) -> None:
        """Count what an active key was served."""
        self._served[key] += cost

    def leave(self, key: Key) -> None:
        """One of the key's items is done."""
        self._active[key] -= 1
        if not self._active[key]:
            del self._active[key]

    def drop(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Remove waiting items; they are done."""
        dropped = []
        for key in list(self._waiting):
            gone = [item for item in self._waiting[key] if unwanted(item)]
            kept = deque(item for item in self._waiting[key] if not unwanted(item))
            if gone and kept:
                self._waiting[key] = kept
            elif gone:
                del self._waiting[key]
            for _ in gone:
                self.leave(key)
            dropped += gone
        return dropped
