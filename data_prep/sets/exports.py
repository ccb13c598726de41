"""A training set in the formats of other trainers, as JSON lines or Parquet by the file's name.

Prompts and targets are those of `cluster.prompts`, so a model trained elsewhere still speaks to our
server. Mode `raft` shows the documents, `dsf` asks closed book and keeps only what needs no document.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.errors import InputError
from cluster.prompts import Message, render, render_target
from cluster.records import ContextDocument, RaftExample

Format = Literal["messages", "prompt-completion", "alpaca", "sharegpt", "raft"]
Mode = Literal["raft", "dsf"]
_ROW_GROUP = 1000
_LINES, _PARQUET = (".jsonl", ".json", ".ndjson"), ".parquet"

Row = dict[str, Any]


def export(examples: Iterable[RaftExample], format: Format, mode: Mode, output: Path) -> int:
    """Write `output`, Parquet where it ends in .parquet and else JSON lines; returns how many rows.

    The file appears, or is replaced, when it is complete. Raises InputError for another ending or a
    place that cannot be written.
    """
    write = _writer(output)
    rows = (_FORMATS[format](one, _documents(one, mode), _target(one, mode)) for one in examples)
    try:
        with _at_the_end(output) as part:
            return write(rows, part)
    except OSError as error:
        raise InputError(f"cannot write {str(output)!r}: {error.strerror or error}") from error


def _writer(output: Path) -> Callable[[Iterator[Row], Path], int]:
    if output.suffix == _PARQUET:
        return _write_parquet
    if output.suffix in _LINES:
        return _write_lines
    raise InputError(
        f"{str(output)!r}: the file's name must end in {', '.join(_LINES)} (JSON lines) or {_PARQUET}"
    )


@contextmanager
def _at_the_end(output: Path) -> Iterator[Path]:
    """A file beside `output` that takes its place when the block ends well, and else is removed."""
    part = output.with_name(output.name + ".part")
    try:
        yield part
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _write_lines(rows: Iterator[Row], path: Path) -> int:
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_parquet(rows: Iterator[Row], path: Path) -> int:
    """Row group by row group; the first row decides the schema, as all rows have the same fields."""
    first = next(rows, None)
    if first is None:
        pq.write_table(pa.table({}), path)
        return 0
    schema, count = pa.Table.from_pylist([first]).schema, 0
    with pq.ParquetWriter(path, schema) as writer:
        every = chain([first], rows)
        while group := list(islice(every, _ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _documents(example: RaftExample, mode: Mode) -> Sequence[ContextDocument]:
    return example.documents if mode == "raft" else ()


def _target(example: RaftExample, mode: Mode) -> str:
    if mode == "raft":
        return render_target(example.reasoning, example.open_book_answer)
    return render_target(example.plain_reasoning, example.answer)


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
