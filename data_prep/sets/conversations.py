"""A row of somebody's fine-tuning file -> the turns of a conversation. Pure.

messages            {"messages": [{"role", "content", "weight"?}, ...]}        OpenAI, Hugging Face TRL
prompt-completion   {"prompt": text or messages, "completion": text or messages}
alpaca              {"instruction", "input"?, "output", "system"?}
sharegpt            {"conversations": [{"from": "human" | "gpt" | "system", "value"}, ...], "system"?}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from cluster.records import Turn

Format = Literal["messages", "prompt-completion", "alpaca", "sharegpt"]
FORMATS: tuple[Format, ...] = get_args(Format)
_ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "chatgpt": "assistant",
}  # fmt: skip
_FIELDS: Mapping[Format, tuple[str, ...]] = {
    "messages": ("messages",),
    "prompt-completion": ("prompt", "completion"),
    "alpaca": ("instruction", "output"),
    "sharegpt": ("conversations",),
}
_SHOWN_CHARS = 60
Row = Mapping[str, Any]


class BadRow(ValueError):
    """`str()` is why; `reason` the same for all rows with this fault, to count them by."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason = reason


def detect_format(row: Any) -> Format:
    """What a row looks like; BadRow names its keys and what they could be."""
    keys = set(row) if isinstance(row, Mapping) else set()
    if "messages" in keys:
        return "messages"
    if "conversations" in keys:
        return "sharegpt"
    if {"prompt", "completion"} <= keys:
        return "prompt-completion"
    if {"instruction", "output"} <= keys:
        return "alpaca"
    shown = ", ".join(sorted(map(str, keys))) or type(row).__name__
    raise BadRow(
        "no known format",
        f"has {shown}; expected messages, conversations, prompt and completion, or instruction and output",
    )


def read_turns(row: Any, format: Format) -> tuple[Turn, ...]:
    """The turns; BadRow when the row is not of this format or teaches nothing."""
    if not isinstance(row, Mapping):
        raise BadRow("not an object", type(row).__name__)
    missing = [name for name in _FIELDS[format] if row.get(name) is None]
    if missing:
        wanted = " and ".join(_FIELDS[format])
        raise BadRow(f"no {missing[0]!r}", f"a row of format {format} has {wanted}")
    turns = tuple(_READERS[format](row))
    if not turns or turns[-1].role != "assistant":
        raise BadRow(
            "the last turn is not the assistant's", turns[-1].role if turns else "no turns"
        )
    if not any(turn.learn and turn.role == "assistant" for turn in turns):
        raise BadRow("no turn of the assistant is to be learned", "every weight is 0")
    if not any(turn.role == "user" for turn in turns):
        raise BadRow("no turn of the user")
    return turns


def _messages(row: Row) -> list[Turn]:
    return _turns(row.get("messages"), "role", "content")


def _sharegpt(row: Row) -> list[Turn]:
    turns = row.get("conversations")
    first = turns[0] if isinstance(turns, Sequence) and turns else {}
    names = (
        ("role", "content") if isinstance(first, Mapping) and "role" in first else ("from", "value")
    )
    return [*_system(row), *_turns(turns, *names)]


def _prompt_completion(row: Row) -> list[Turn]:
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, str) and isinstance(completion, str):
        return [_turn("user", prompt.strip()), _turn("assistant", completion.strip())]
    read = [_turns(part, "role", "content") for part in (prompt, completion)]
    # what the prompt's assistant said is context: the completion is the lesson
    context = [Turn(turn.role, turn.content, turn.role != "assistant") for turn in read[0]]
    return [*context, *read[1]]


def _alpaca(row: Row) -> list[Turn]:
    instruction, more = _text(row.get("instruction")), row.get("input")
    asked = f"{instruction}\n\n{_text(more)}" if more else instruction
    return [*_system(row), _turn("user", asked), _turn("assistant", row.get("output"))]


def _system(row: Row) -> list[Turn]:
    return [_turn("system", row["system"])] if row.get("system") else []


def _turns(value: Any, role: str, content: str) -> list[Turn]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadRow(
            "turns are no list", f"{_shown(value)}; expected objects with {role!r} and {content!r}"
        )
    turns = []
    for entry in value:
        if not isinstance(entry, Mapping) or role not in entry:
            raise BadRow(f"a turn without {role!r}", _shown(entry))
        weight = entry.get("weight")
        if weight not in (None, 0, 1):
            raise BadRow("weight is neither 0 nor 1", _shown(weight))
        turns.append(_turn(entry[role], entry.get(content), weight != 0))
    return turns


def _turn(role: Any, content: Any, learn: bool = True) -> Turn:
    known = _ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        raise BadRow("unknown role", f"{_shown(role)}; known are {', '.join(_ROLES)}")
    text = _text(content)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRow("half a character", _shown(text[error.start : error.end])) from error
    if known != "system" and not text.strip():
        raise BadRow(f"an empty turn of the {known}")
    return Turn(known, text, learn)  # type: ignore[arg-type]


def _text(content: Any) -> str:
    """A string, or OpenAI's list of text parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
        if all(isinstance(part, str) for part in parts):
            return "".join(map(str, parts))
    raise BadRow("a turn that is no text", _shown(content))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


_READERS: Mapping[Format, Callable[[Row], list[Turn]]] = {
    "messages": _messages,
    "prompt-completion": _prompt_completion,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
}
