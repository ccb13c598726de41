"""`openbook dataset list|show|export|import`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.console import Console
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.prompts import render_target
from cluster.records import SPLITS, RaftExample, Split
from cluster.session import Session
from data_prep.sets.card import describe_leakage
from data_prep.sets.conversations import Format
from data_prep.sets.exports import Format as ExportFormat
from data_prep.sets.exports import Mode, export
from data_prep.sets.histograms import draw
from data_prep.sets.imports import ImportOrder, import_set

_SHOWN_CHARS = 160
_DATE_CHARS = 10

dataset = typer.Typer(no_args_is_help=True, help="List, show, export or import training sets.")
DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="name or name@version.")]


@dataset.command("list")
def list_sets(
    json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """Every training set: its latest version, what it was made from, and how much it holds."""
    with open_session(json_output, config, overrides) as session:
        found = [_entry(session, name) for name in session.datasets.names()]
        columns = ("dataset", "version", "kind", "corpus", "/".join(SPLITS), "created")
        session.console.table("Training sets", columns, [_row(entry) for entry in found])
        if not found:
            session.console.line(
                "none yet; make one with `openbook synth` or `openbook dataset import`"
            )
        session.console.result({"datasets": found})


@dataset.command()
def show(
    name: DatasetName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Counts, histograms, what was left out and why, and one example of a set."""
    with open_session(json_output, config, overrides) as session:
        manifest = session.datasets.manifest(name)
        spec = f"{manifest['dataset']}@{manifest['version']}"
        console = session.console
        rows = [[split, str(manifest["counts"][split])] for split in SPLITS]
        console.table(spec, ("split", "rows"), rows)
        shown = _SHOWN[manifest.get("kind", "raft")](session, spec, manifest)
        console.result({**manifest, "example": asdict(shown) if shown else None})


@dataset.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(help="JSON lines, a JSON list or Parquet: somebody's fine-tuning data."),
    ],
    name: Annotated[str, typer.Option(help="Name of the training set.")],
    format: Annotated[
        Format | None, typer.Option(help="Schema of a row; told from the first one by default.")
    ] = None,
    validation: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of rows for validation, 0..0.5.")
    ] = 0.0,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be used, and count them.")
    ] = False,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Conversations, prompts with completions, Alpaca or ShareGPT -> a set for `train --mode instruct`."""
    with open_session(json_output, config, overrides) as session:
        report = import_set(session, ImportOrder(file, name, format, validation, skip_bad))
        counts = ", ".join(f"{number} {split}" for split, number in report["examples"].items())
        session.console.line(
            f"{report['dataset']}@{report['version']} "
            f"{'unchanged' if report['unchanged'] else 'imported'}: {counts} conversations, "
            f"{report['repeated']} repeated, {sum(report['rejected'].values())} rejected"
        )
        session.console.result(report)


@dataset.command("export")
def export_set(
    name: DatasetName,
    output: Annotated[
        Path, typer.Option(help="File to write: .jsonl for JSON lines, or .parquet.")
    ],
    format: Annotated[ExportFormat, typer.Option(help="Schema of a row.")],
    mode: Annotated[Mode, typer.Option(help="With documents, or closed book.")] = "raft",
    split: Annotated[Split, typer.Option(help="Which part.")] = "train",
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Write a split for another trainer."""
    with open_session(json_output, config, overrides) as session:
        spec = "@".join(session.datasets.resolve(name))
        rows = export(session.datasets.read(spec, split), format, mode, output)
        session.console.line(f"{rows} examples of {spec} ({split}, {mode}) -> {output}")
        session.console.result({
            "dataset": spec, "split": split, "mode": mode, "format": format, "rows": rows,
            "output": str(output),
        })  # fmt: skip


def _entry(session: Session, name: str) -> dict[str, Any]:
    manifest = session.datasets.manifest(name)
    fields = ("dataset", "version", "corpus", "generation", "created")
    return {
        **{field: manifest.get(field, "") for field in fields},
        "kind": manifest.get("kind", "raft"),
        **{split: manifest.get("counts", {}).get(split, 0) for split in SPLITS},
        "versions": len(session.datasets.versions(name)),
    }


def _row(entry: Mapping[str, Any]) -> list[str]:
    counts = "/".join(str(entry[split]) for split in SPLITS)
    day = str(entry["created"])[:_DATE_CHARS]
    return [*(str(entry[name]) for name in ("dataset", "version", "kind", "corpus")), counts, day]


def _show_corpus(console: Console, manifest: Mapping[str, Any]) -> None:
    console.line(f"from corpus {manifest['corpus']}, generation {manifest['generation']}")


def _show_examples(session: Session, spec: str, manifest: Mapping[str, Any]) -> RaftExample | None:
    console = session.console
    _show_corpus(console, manifest)
    fraction = manifest["oracle_fraction"]
    target = "the retriever" if fraction["target"] is None else f"target {fraction['target']}"
    console.line(
        f"metric {manifest['metric']}; oracle kept in {fraction['measured']} of training examples "
        f"({target}), retrieved for {manifest.get('oracle_retrieved')} of all"
    )
    if "leakage" in manifest:
        console.line(describe_leakage(manifest["leakage"]))
    for key in (
        "rejected",
        "dropped_candidates",
        "distractors",
        "quotes",
        "short_contexts",
        "trimmed",
    ):
        console.line(f"{key.replace('_', ' ')}: {_cell(manifest.get(key))}")
    _show_histograms(console, manifest)
    first = next(split for split in SPLITS if manifest["counts"][split])
    example = session.datasets.read(spec, first)[0]
    console.line(f"\n{example.question}")
    for number, document in enumerate(example.documents, 1):
        marks = [document.kind or document.role, "poisoned" if document.poisoned else ""]
        console.line(f"  [{number}] {' '.join(filter(None, marks))}: {document.doc_id}")
    console.line(render_target(example.reasoning, example.open_book_answer))
    return example


def _show_texts(session: Session, spec: str, manifest: Mapping[str, Any]) -> Any:
    console = session.console
    _show_corpus(console, manifest)
    console.line(f"documents: {_cell(manifest['documents'])}; tokens: {_cell(manifest['tokens'])}")
    console.line(f"rows are {manifest['fill']:.0%} full of {manifest['tokenizer']}'s tokens")
    _show_histograms(console, manifest)
    first = next(split for split in SPLITS if manifest["counts"][split])
    text = session.datasets.read_texts(spec, first)[0]
    console.line(f"\n{text.text[:_SHOWN_CHARS]}…")
    return text


def _show_conversations(session: Session, spec: str, manifest: Mapping[str, Any]) -> Any:
    console, source = session.console, manifest["source"]
    console.line(f"from {source['file']}, format {source['format']}, sha256 {source['sha256']}")
    console.line(f"repeated rows: {manifest['repeated']}; rejected: {_cell(manifest['rejected'])}")
    first = next(split for split in SPLITS if manifest["counts"][split])
    conversation = session.datasets.read_conversations(spec, first)[0]
    console.line("")
    for turn in conversation.messages:
        mark = "" if turn.role != "assistant" or turn.learn else " (not learned)"
        console.line(f"{turn.role}{mark}: {turn.content[:_SHOWN_CHARS]}")
    return conversation


def _show_histograms(console: Console, manifest: Mapping[str, Any]) -> None:
    for title, histogram in manifest.get("histograms", {}).items():
        if histogram:
            console.line(f"\n{title}\n{draw(histogram)}")


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_cell(item)}" for key, item in value.items()) or "none"
    return str(value)


_SHOWN: Mapping[str, Callable[[Session, str, Mapping[str, Any]], Any]] = {
    "raft": _show_examples,
    "cpt": _show_texts,
    "instruct": _show_conversations,
}
