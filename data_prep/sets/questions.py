"""A question file -> questions: `qa.jsonl`, read strictly.

A malformed line is an error with its number, because a question that silently went missing would
change what a comparison measures. Lines without `split` get theirs later, when the documents are known.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cluster.errors import InputError
from cluster.records import SPLITS, Question, SourceQuote

# field -> (type, what it must be, default; None means required)
_FIELDS: Mapping[str, tuple[Any, str, Any]] = {
    "id": (str, "text", None),
    "question": (str, "text", None),
    "answer": (str, "text", None),
    "oracle": (list, "a list of document ids", None),
    "quotes": (list, 'a list of {"doc", "text"}', ()),
    "reasoning": (str | None, "text or null", ""),
    "split": (str, f"one of {', '.join(SPLITS)}", ""),
    "metadata": (dict, "an object", {}),
}


def read_questions(path: Path) -> list[Question]:
    """All questions in the file's order; InputError names file and line of what is wrong."""
    if not path.is_file():
        raise InputError(f"question file {str(path)!r} does not exist")
    found: list[Question] = []
    lines: dict[str, int] = {}
    for number, line in _lines(path):
        where = f"{path}:{number}"
        question = _question(where, line)
        if question.id in lines:
            raise InputError(f"{where}: id {question.id!r} was used on line {lines[question.id]}")
        lines[question.id] = number
        found.append(question)
    if not found:
        raise InputError(f"question file {str(path)!r} is empty; expected one JSON object a line")
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with open(path, "rb") as file:
        yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())


def _question(where: str, line: bytes) -> Question:
    fields = _checked(where, line)
    return Question(
        id=fields["id"],
        question=fields["question"],
        answer=fields["answer"],
        oracle=tuple(dict.fromkeys(fields["oracle"])),
        quotes=tuple(SourceQuote(quote["doc"], quote["text"]) for quote in fields["quotes"]),
        reasoning=fields["reasoning"] or None,
        split=fields["split"] or SPLITS[0],
        metadata=fields["metadata"],
        split_given=bool(fields["split"]),
    )


def _checked(where: str, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where}: not valid JSON in UTF-8 ({error})") from None
    if not isinstance(record, dict):
        raise InputError(f"{where}: expected an object, got {type(record).__name__}")
    if unknown := sorted(record.keys() - _FIELDS.keys()):
        raise InputError(
            f"{where}: unknown key {unknown[0]!r}; allowed are {', '.join(_FIELDS)} "
            "(put other things into metadata)"
        )
    fields = {name: _field(where, record, name) for name in _FIELDS}
    _check_values(where, fields)
    return fields


def _field(where: str, record: Mapping[str, Any], name: str) -> Any:
    kind, expected, default = _FIELDS[name]
    if name not in record:
        if default is None:
            raise InputError(f"{where}: {name!r} is missing; it must be {expected}")
        return default
    if not isinstance(record[name], kind):
        got = json.dumps(record[name], ensure_ascii=False)[:60]
        raise InputError(f"{where}: {name!r} must be {expected}, got {got}")
    return record[name]


def _check_values(where: str, fields: Mapping[str, Any]) -> None:
    for name in ("id", "question"):
        if not fields[name].strip():
            raise InputError(f"{where}: {name!r} is empty")
    if fields["split"] and fields["split"] not in SPLITS:
        raise InputError(
            f"{where}: 'split' must be one of {', '.join(SPLITS)}, got {fields['split']!r}"
        )
    if not all(isinstance(doc, str) for doc in fields["oracle"]):
        raise InputError(f"{where}: 'oracle' must be a list of document ids, which are text")
    for quote in fields["quotes"]:
        if not isinstance(quote, dict) or not all(
            isinstance(quote.get(name), str) for name in ("doc", "text")
        ):
            raise InputError(f'{where}: each of \'quotes\' must be {{"doc": text, "text": text}}')
        if quote["doc"] not in fields["oracle"]:
            raise InputError(f"{where}: quotes document {quote['doc']!r}, which is not in 'oracle'")
