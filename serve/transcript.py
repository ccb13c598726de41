"""A streamed answer on a terminal: the text as it comes, then what it cites."""

from typing import Any

from rich.console import Console
from rich.text import Text


class Transcript:
    """Feed it the chunks of a stream."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._last: dict[str, Any] = {}

    def show(self, chunk: dict[str, Any]) -> None:
        """Print what is new in a chunk."""
        for choice in chunk["choices"]:
            if content := choice["delta"].get("content"):
                self._out.print(Text(content), end="", soft_wrap=True)
        if "rag" in chunk:
            self._last = chunk

    def end(self) -> None:
        """Print the citations, and what a reader should know of the evidence."""
        self._out.print()
        citations = self._last.get("citations", [])
        if citations:
            self._out.print()
        for citation in citations:
            self._out.print(_source(citation), soft_wrap=True)
        if remark := _remark(self._last.get("rag", {}), bool(citations)):
            self._out.print(Text(remark, style="dim"), soft_wrap=True)


def _source(citation: dict[str, Any]) -> Text:
    page = f", page {citation['page']}" if citation["page"] is not None else ""
    return Text.assemble(
        (f"[{citation['index']}] ", "bold cyan"),
        (citation["title"], "bold"),
        (f"  {citation['uri']}{page}\n", "dim"),
        f"    “{' '.join(citation['quote'].split())}”",
    )


def _remark(rag: dict[str, Any], cited: bool) -> str:
    status = rag.get("status")
    if status in ("skipped", "empty", "degraded"):
        return f"Answered without documents: {rag['reason']}."
    if status == "used" and not cited:
        titles = dict.fromkeys(hit["title"] for hit in rag["hits"])
        return f"No verified quote. Read, in this order: {', '.join(titles)}."
    return ""
