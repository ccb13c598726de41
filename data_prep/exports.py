"""A training set in the formats of other trainers, one JSON object an example.

Prompts and targets are those of `cluster.prompts`, so a model trained elsewhere still speaks to our
server. Mode `raft` shows the documents, `dsf` asks closed book and keeps only what needs no document.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from cluster.errors import InputError
from cluster.prompts import Message, render, render_target
from cluster.records import ContextDocument, RaftExample

Format = Literal["messages", "prompt-completion", "alpaca", "sharegpt", "raft"]
Mode = Literal["raft", "dsf"]


def export(examples: Iterable[RaftExample], format: Format, mode: Mode, output: Path) -> int:
    """Write JSON lines to `output`, replacing it at the end; returns how many."""
    part = output.with_name(output.name + ".part")
    rows = 0
    try:
        with open(part, "w", encoding="utf-8") as file:
            for example in examples:
                row = _FORMATS[format](example, _documents(example, mode), _target(example, mode))
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                rows += 1
        part.replace(output)
    except OSError as error:
        raise InputError(f"cannot write {str(output)!r}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return rows


def _documents(example: RaftExample, mode: Mode) -> Sequence[ContextDocument]:
    return example.documents if mode == "raft" else ()


def _target(example: RaftExample, mode: Mode) -> str:
    reasoning = example.reasoning if mode == "raft" else example.plain_reasoning
    return render_target(reasoning, example.answer)


def _turns(example: RaftExample, documents: Sequence[ContextDocument]) -> tuple[str, str]:
    """System and user text of the prompt."""
    system, user = render(example.question, documents)
    return system["content"], user["content"]


def _messages(
    example: RaftExample, documents: Sequence[ContextDocument], target: str
) -> dict[str, Any]:
    """OpenAI chat fine-tuning."""
    answer: Message = {"role": "assistant", "content": target}
    return {"messages": [*render(example.question, documents), answer]}


def _prompt_completion(
    example: RaftExample, documents: Sequence[ContextDocument], target: str
) -> dict[str, Any]:
    """Plain text to complete."""
    return {"prompt": "\n\n".join(_turns(example, documents)) + "\n\n", "completion": target}


def _alpaca(
    example: RaftExample, documents: Sequence[ContextDocument], target: str
) -> dict[str, Any]:
    system, user = _turns(example, documents)
    return {"instruction": user, "input": "", "output": target, "system": system}


def _sharegpt(
    example: RaftExample, documents: Sequence[ContextDocument], target: str
) -> dict[str, Any]:
    system, user = _turns(example, documents)
    turns = (("system", system), ("human", user), ("gpt", target))
    return {"conversations": [{"from": who, "value": text} for who, text in turns]}


def _official(
    example: RaftExample, documents: Sequence[ContextDocument], target: str
) -> dict[str, Any]:
    """The schema of the RAFT paper's code (`raft/raft.py` in the gorilla repository)."""
    texts = [document.text for document in documents]
    oracles = [document.text for document in documents if document.role == "oracle"]
    fenced = "".join(f"<DOCUMENT>{text}</DOCUMENT>\n" for text in texts)
    return {
        "id": example.id,
        "type": "general",
        "question": example.question,
        "context": {
            "title": [[document.title for document in documents]],
            "sentences": [texts],
        },
        "oracle_context": "\n\n".join(oracles),
        "cot_answer": target,
        "instruction": fenced + example.question,
    }


_FORMATS: Mapping[
    Format, Callable[[RaftExample, Sequence[ContextDocument], str], dict[str, Any]]
] = {
    "messages": _messages,
    "prompt-completion": _prompt_completion,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "raft": _official,
}
