"""The chunks of documents as one checkout makes them: python -P document_chunks.py, PYTHONPATH a checkout.

A line in: `{"path": ..., "format": ...}`; a line out: title, chunks, seconds and notices, or the reason why
there are none. `documents` starts one for each checkout and asks them in turn. Only `Tree` knows the
checkout's modules; it passes what a function of that checkout takes.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any


class Tree:
    """Parser and chunker of the checkout that is on the path, with its default settings."""

    def __init__(self) -> None:
        from cluster.embedder import Embedder
        from cluster.models import embedder_path
        from cluster.settings import IngestSettings, ModelSettings
        from data_prep.documents.parse import parse_bytes

        embedder = Embedder(embedder_path(ModelSettings()))
        self._split = _splitter(embedder.tokenizer(), embedder.max_tokens)
        known = signature(parse_bytes).parameters
        options = {"pdf_parser": getattr(IngestSettings(), "pdf_parser", "")}
        self._options: Any = {name: value for name, value in options.items() if name in known}

    def load(self, data: bytes, named: Any) -> None:
        """Load the libraries of a format."""
        from data_prep.documents.parse import prepare

        prepare(data, named, **self._options)

    def chunks(self, path: Path, data: bytes, named: Any) -> dict[str, Any]:
        """Title, chunks and notices; ParseError as a `reason`."""
        from cluster.records import Document
        from data_prep.documents.formats.parsed import ParseError
        from data_prep.documents.parse import parse_bytes

        try:
            parsed: Any = parse_bytes(data, named, **self._options)
        except ParseError as error:
            return {"reason": str(error), "title": "", "chunks": [], "notices": []}
        title = _title(" ".join(parsed.title.split())[:300], path.name)
        document = Document(path.name, path.as_uri(), title, parsed.text, "", parsed.pages)
        chunks = self._split(document, parsed)
        notices = [notice.text for notice in getattr(parsed, "notices", ())]
        return {"reason": "", "title": title, "chunks": chunks, "notices": notices}


def _splitter(tokenizer: Any, longest: int) -> Callable[[Any, Any], list[Any]]:
    """Chunks of a document and what was parsed, cut where the parser runs or by the chunker itself."""
    from cluster.settings import ChunkSettings
    from data_prep.corpus import chunk

    chunker: Any = chunk.Chunker
    try:
        from data_prep.documents.cutting import Cutting, cutting_from
    except ImportError:
        old = chunker(tokenizer, longest, ChunkSettings(), "bench")
        return lambda document, parsed: old.split(document, parsed.markdown, parsed.separate)
    task = Cutting(
        embedder="bench", tokenizer=tokenizer.to_str(), max_tokens=longest, settings=ChunkSettings()
    )
    cut, new = cutting_from(task.to_json()), chunker("bench")
    return lambda document, parsed: new.chunks(document, cut(parsed).spans)


def _title(title: str, name: str) -> str:
    try:
        from data_prep.documents.formats.titles import usable_title
    except ImportError:
        return title
    usable: Callable[[str, str], str] = usable_title
    return usable(title, name)


def main() -> None:
    """Answer until the input ends; what anything prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    tree = Tree()
    import data_prep

    root = Path(str(data_prep.__file__)).parents[1]
    print(json.dumps({"root": str(root)}), file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        print(
            json.dumps(_answer(tree, Path(task["path"]), task["format"])), file=answers, flush=True
        )


def _answer(tree: Tree, path: Path, named: str) -> dict[str, Any]:
    data = path.read_bytes()
    tree.load(data, named)
    wall, cpu = time.perf_counter(), _cpu_s()
    try:
        found = tree.chunks(path, data, named)
    except Exception as error:  # noqa: BLE001 - a fault of the checkout is a result
        found = {
            "reason": f"{type(error).__name__}: {error}", "title": "", "chunks": [], "notices": [],
        }  # fmt: skip
    cost = {"wall_s": time.perf_counter() - wall, "cpu_s": _cpu_s() - cpu}
    return {**found, **cost, "chunks": [_fields(chunk) for chunk in found["chunks"]]}


def _fields(chunk: Any) -> dict[str, Any]:
    section = getattr(chunk, "section", "")
    return {
        "text": chunk.text, "section": section, "page": chunk.page, "start": chunk.start,
        "end": chunk.end, "tokens": chunk.tokens,
    }  # fmt: skip


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main()
