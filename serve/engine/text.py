"""Tokens -> text, as it may be shown while more is coming."""

from collections.abc import Callable, Sequence

from serve.partial import held_back

_BROKEN = "\ufffd"  # what a decoder writes for bytes that are no complete character


class Detokenizer:
    """Text of a growing token sequence; characters are held back until all their bytes are there.

    A token's text may depend on the tokens before it (spaces, bytes of one character), so each step
    decodes a short window and takes what it adds (the scheme of vLLM and TGI).
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._window = 0  # start of the window that gives context
        self._shown = 0  # tokens whose text was given out

    def push(self, token: int) -> str:
        """The new complete characters."""
        self._ids.append(token)
        added = self._added()
        if not added or added.endswith(_BROKEN):
            return ""
        self._window, self._shown = self._shown, len(self._ids)
        return added

    def flush(self) -> str:
        """What is left at the end, without an incomplete last character."""
        return self._added().rstrip(_BROKEN)

    def _added(self) -> str:
        before = self._decode(self._ids[self._window : self._shown])
        after = self._decode(self._ids[self._window :])
        return after[len(before) :]


class StopScanner:
    """Cuts text at the first stop string; holds back what may become one."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(stop)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """Text that is certainly before any stop string; sets `stopped` when one was met."""
        if not self._stop or self.stopped:
            return "" if self.stopped else text
        text = self._held + text
        found = [at for stop in self._stop if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = len(text) - held_back(text, self._stop)
        self._held = text[keep:]
        return text[:keep]

    def flush(self) -> str:
        """What was held back and did not become a stop string."""
        text, self._held = self._held, ""
        return text
