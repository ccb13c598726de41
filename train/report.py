"""A report on disk: `report.json`, `answers.parquet` and `report.html`, published as one directory.

The page is one file that works offline: its style and script are inline, its charts SVG, and a
content policy in it forbids fetching anything. Everything that came from documents, questions or
models is escaped.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cluster import artifacts
from cluster.objects import ObjectStore
from cluster.records import as_json
from train import charts
from train.comparison import Comparison, report_document
from train.scorecard import Row
from train.verdict import percent, points, rank, round_up, span

_TEMPLATE = "report.html.j2"
_CITATION = pa.struct([
    ("index", pa.int64()), ("doc_id", pa.string()), ("chunk_id", pa.string()), ("uri", pa.string()),
    ("title", pa.string()), ("page", pa.int64()), ("start", pa.int64()), ("end", pa.int64()),
    ("quote", pa.string()), ("score", pa.float64()),
])  # fmt: skip
ANSWERS = pa.schema([
    ("question_id", pa.string()), ("question", pa.string()), ("expected", pa.string()),
    ("oracle", pa.list_(pa.string())), ("arm", pa.string()), ("model", pa.string()),
    ("answer", pa.string()), ("text", pa.string()), ("value", pa.float64()),
    ("exact_match", pa.float64()), ("f1", pa.float64()), ("label", pa.float64()),
    ("contains", pa.float64()), ("citations", pa.list_(_CITATION)),
    ("citation_precision", pa.float64()), ("citation_recall", pa.float64()),
    ("retrieval_recall", pa.float64()), ("retrieved", pa.list_(pa.string())),
    ("rag_status", pa.string()), ("unverified_quotes", pa.int64()), ("finish_reason", pa.string()),
    ("latency_s", pa.float64()), ("tokens_in", pa.int64()), ("tokens_out", pa.int64()),
    ("error", pa.string()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """A published report: its id and the local file to open in a browser."""

    report: str
    html: Path


def publish_report(store: ObjectStore, cache: Path, comparison: Comparison) -> Report:
    """Write `reports/{report}/`; a report that is already there is left as it is.

    The page is opened from the store when that is a folder, else from a verified copy in `cache`.
    """
    report = comparison.report_id
    prefix = f"reports/{report}"
    created = datetime.now(UTC).isoformat(timespec="seconds")
    document = report_document(comparison, created)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (folder / "report.json").write_text(text, "utf-8")
        (folder / "report.html").write_text(render_page(comparison, document), "utf-8")
        pq.write_table(answers_table(comparison.rows), folder / "answers.parquet")
        lineage = {key: document[key] for key in ("dataset", "version", "generation", "created")}
        artifacts.publish(store, prefix, folder, {"report": report, **lineage})
    url = urlparse(store.url)
    if url.scheme == "file":
        return Report(report, Path(unquote(url.path)) / prefix / "report.html")
    return Report(report, artifacts.fetch(store, prefix, cache / prefix) / "report.html")


def answers_table(rows: Sequence[Row]) -> pa.Table:
    """One row for every question and arm."""
    return pa.Table.from_pylist([as_json(row) for row in rows], schema=ANSWERS)


def render_page(comparison: Comparison, document: Mapping[str, Any]) -> str:
    """`report.html`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "points": points, "arm_class": charts.arm_class}
    subject = comparison.subject
    questions = _questions(comparison.rows, len(comparison.arms))
    return environment.get_template(_TEMPLATE).render(
        document=document,
        comparison=comparison,
        subject=subject,
        ranked=rank(comparison.arms),
        charts=_charts(comparison),
        questions=_shown(questions, comparison.scene.settings.report_questions),
        question_count=len(questions),
        span=span,
        round_up=round_up,
    )


def _charts(comparison: Comparison) -> dict[str, Markup]:
    """The drawings; `charts` escapes every text it places, so they are safe as markup."""
    arms, title = comparison.arms, comparison.subject.yardstick.title
    drawn = {
        "quality": charts.quality_chart(arms, f"{title} of every arm with 95 % intervals"),
        "tradeoff": charts.tradeoff_chart(arms, f"{title} against median latency"),
        "tokens": charts.tokens_chart(arms, "mean tokens a question"),
    }
    if comparison.pairs:
        drawn["paired"] = charts.forest_chart(
            comparison.pairs, f"paired differences of {title} in points with 95 % intervals"
        )
    return {name: Markup(svg) for name, svg in drawn.items()}


def _questions(rows: Sequence[Row], arms: int) -> list[dict[str, Any]]:
    """Rows grouped by question, with how the arms fared: `right`, `split` or `wrong`."""
    groups = [rows[start : start + arms] for start in range(0, len(rows), arms)]
    return [
        {"first": group[0], "rows": group, "outcome": _outcome([row.value for row in group])}
        for group in groups
    ]


def _outcome(values: Sequence[float]) -> str:
    if min(values) == 1:
        return "right"
    return "wrong" if max(values) == 0 else "split"


def _shown(questions: Sequence[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """At most `limit` questions, those on which arms differ first; order otherwise kept."""
    ordered = sorted(questions, key=lambda question: question["outcome"] != "split")
    return ordered[:limit]
