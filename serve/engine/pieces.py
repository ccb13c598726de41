"""Token -> the bytes that it adds to a text. Some tokens are parts of one character: bytes, not text.

Three spellings cover the tokenizers of Hugging Face: byte-level BPE writes each byte as a printable
character (GPT-2's table), SentencePiece writes a space as `▁` and a byte as `<0x0A>`, and added tokens
stand for themselves.
"""

import json
import re
from functools import cache
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "\u2581"


class Pieces:
    """Callable; a token that the tokenizer does not know (a padded vocabulary's) adds nothing."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._added = frozenset(tokenizer.get_added_vocab().values())
        self._byte_level = _is_byte_level(json.loads(tokenizer.backend_tokenizer.to_str()))
        self._known: dict[int, bytes] = {}

    def __call__(self, token: int) -> bytes:
        """The bytes of one token."""
        if token not in self._known:
            self._known[token] = self._bytes(token)
        return self._known[token]

    def _bytes(self, token: int) -> bytes:
        spelled: str | None = self._tokenizer.convert_ids_to_tokens(token)
        if spelled is None:
            return b""
        if token in self._added:
            return spelled.encode()
        if self._byte_level:
            table = byte_table()
            return bytes(table[character] for character in spelled)
        if byte := _BYTE.fullmatch(spelled):
            return bytes([int(byte[1], 16)])
        return spelled.replace(_SPACE, " ").encode()


@cache
def byte_table() -> dict[str, int]:
    """Printable character -> byte of byte-level BPE (Radford et al. 2019).

    Bytes that Latin-1 prints are themselves; the others follow from U+0100 on, in their order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(0x100 + place): byte for place, byte in enumerate(others)}


def _is_byte_level(tokenizer: dict[str, Any]) -> bool:
    decoder = tokenizer.get("decoder") or {}
    steps = [decoder, *decoder.get("decoders", ())]
    return any(step.get("type") == "ByteLevel" for step in steps)
