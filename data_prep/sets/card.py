"""The card of a set: `README.md` in the Hugging Face form, YAML first, then for a person."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from cluster.prompts import render_target
from cluster.records import SPLITS, Conversation, PackedText, RaftExample
from data_prep.sets.histograms import Histogram, draw

_SHOWN_CHARS = 240
_CREATED_BY = ("retrieval-augmented-fine-tuning", "openbook")


def render_card(
    dataset: str, version: str, manifest: Mapping[str, Any], example: RaftExample
) -> str:
    """Markdown with a front matter that `datasets.load_dataset` reads."""
    parts = [
        _front(dataset, manifest, "raft", "question-answering"),
        f"# {dataset}",
        f"RAFT set, version `{version}`: questions with the document that answers among distractors, "
        "and the answer with verified quotes. Without its documents it is a DSF set.",
        _lineage(manifest),
        *_about_teacher(manifest.get("teacher")),
        _table("split", "examples", manifest["counts"]),
        *_about_oracles(manifest),
        _about_distractors(manifest),
        f"## Leakage\n\n{describe_leakage(manifest['leakage'])}",
        _table("quotes", "count", manifest["quotes"]),
        _table("rejected question", "count", manifest["rejected"]),
        _table("dropped distractor", "count", manifest["dropped_candidates"]),
        _table("distractor", "count", manifest["distractors"]),
        _histograms(manifest["histograms"]),
        _settings(manifest),
        f"## Example\n\n{_example(example)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_cpt_card(
    dataset: str, version: str, manifest: Mapping[str, Any], example: PackedText
) -> str:
    """The card of a set of packed corpus text."""
    tokens = manifest["tokens"]
    parts = [
        _front(dataset, manifest, "continued-pre-training", "text-generation"),
        f"# {dataset}",
        f"CPT set, version `{version}`: the text of the corpus in its order, packed to rows of at most "
        f"{manifest['settings']['cpt']['tokens']} tokens of `{manifest['tokenizer']}`. `segments` says "
        "which part of a row is which document; each counts one end-of-text token more.",
        _lineage(manifest),
        _table("split", "rows", manifest["counts"]),
        _table("split", "documents", manifest["documents"]),
        _table("split", "tokens", tokens),
        f"Rows are {manifest['fill']:.0%} full. No document, and no near duplicate of one, is in both "
        "splits.",
        _histograms(manifest["histograms"]),
        _settings(manifest),
        f"## Example\n\n```text\n{_short(example.text)}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_instruct_card(
    dataset: str, version: str, manifest: Mapping[str, Any], example: Conversation
) -> str:
    """The card of a set of conversations that were imported."""
    source = manifest["source"]
    turns = [f"{turn.role}: {_short(turn.content)}" for turn in example.messages]
    parts = [
        _front(dataset, manifest, "instruction-tuning", "text-generation"),
        f"# {dataset}",
        f"Instruction set, version `{version}`: conversations from `{source['file']}` (format "
        f"`{source['format']}`, sha256 `{source['sha256']}`). What the assistant says is learned, where "
        "`learn` is true.",
        _table("split", "conversations", manifest["counts"]),
        f"Repeated rows left out: {manifest['repeated']}.",
        _table("rejected row", "count", manifest["rejected"]),
        _settings(manifest),
        "\n".join(["## Example", "", "```text", *turns, "```"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def describe_leakage(found: Mapping[str, Any]) -> str:
    """What training and test share, in a sentence or three."""
    how = {
        "given": f"The question file gives the splits (raft.given_splits={found['given_splits']}).",
        "assigned": "Splits were assigned by document and near-duplicate cluster.",
        "mixed": "The question file gives some splits "
        f"(raft.given_splits={found['given_splits']}); the others follow document and cluster.",
    }[found["splits"]]
    if not (found["oracle_chunks"] or found["near_duplicate_clusters"]):
        shared = "Training and test share no oracle chunk, document, or near duplicate of one."
    else:
        shared = (
            f"Training and test share {found['oracle_chunks']} oracle chunks, {found['documents']} oracle "
            f"documents and {found['near_duplicate_clusters']} clusters of near duplicates: "
            f"{found['test_questions']} test questions ask about a chunk that was trained on."
        )
    seen = found["test_oracles_among_training_distractors"]
    return f"{how} {shared} Of the test oracles {seen} occur among training distractors."


def _front(dataset: str, manifest: Mapping[str, Any], tag: str, task: str) -> str:
    counts = manifest["counts"]
    splits = [split for split in SPLITS if counts.get(split)]
    values = {
        "pretty_name": dataset,
        "tags": [tag, *_CREATED_BY],
        "task_categories": [task],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": s, "path": f"{s}-*.parquet"} for s in splits],
            }
        ],
    }
    return f"---\n{yaml.safe_dump(values, sort_keys=False)}---"


def _lineage(manifest: Mapping[str, Any]) -> str:
    text = (
        f"Built from corpus `{manifest['corpus']}`, generation `{manifest['generation']}`, with "
        f"embedder `{manifest['embedder']}`"
    )
    return f"{text}. Metric: `{manifest['metric']}`." if "metric" in manifest else f"{text}."


def _about_teacher(teacher: Mapping[str, Any] | None) -> list[str]:
    """Who wrote the questions, what it took, and what was not good enough."""
    if teacher is None:
        return []
    tokens, cost = teacher["tokens"], teacher["cost_usd"]
    text = (
        f"Questions and answers were written by `{teacher['model']}` (prompts "
        f"`{teacher['prompt_hash']}`): {teacher['questions']} about {teacher['chunks']} chunks, for "
        f"{tokens['input']:,} tokens in and {tokens['output']:,} out"
        f"{'' if cost is None else f', {cost:.4f} USD'}."
    )
    if teacher["partial"]:
        text += " The run ended early; the chunks are a random sample of those it should ask about."
    return [
        text,
        _table("rejected reply", "count", teacher["rejected"]),
        _table("chunk not asked about", "count", teacher["skipped"]),
    ]


def _about_oracles(manifest: Mapping[str, Any]) -> list[str]:
    fraction, raft = manifest["oracle_fraction"], manifest["settings"]["raft"]
    target = fraction["target"] if fraction["target"] is not None else "what the retriever returns"
    policy = f"Without it the answer follows `{raft['absent_policy']}`"
    abstaining = manifest["abstaining"]
    return [
        f"Training examples that keep their oracle: {_number(fraction['measured'])} (target {target}); "
        f"validation and test always keep it. {policy}"
        f"{f' ({abstaining} examples abstain)' if abstaining else ''}. The retriever returned every "
        f"oracle chunk for {manifest['oracle_retrieved']} of the questions."
    ]


def _about_distractors(manifest: Mapping[str, Any]) -> str:
    trimmed, poisoned = manifest["trimmed"], manifest["poisoned"]
    text = f"Contexts with fewer distractors than asked for: {manifest['short_contexts']}."
    if trimmed["examples"]:
        text += (
            f" To keep within the token budget {trimmed['examples']} examples lost "
            f"{trimmed['distractors']} distractors."
        )
    if poisoned["target"]:
        text += (
            f" Examples with a planted instruction: {poisoned['measured']} (target "
            f"{poisoned['target']}); the document is marked `poisoned`."
        )
    return text


def _histograms(histograms: Mapping[str, Histogram]) -> str:
    shown = [f"{title}\n\n```text\n{draw(rows)}\n```" for title, rows in histograms.items() if rows]
    return "\n\n".join(["## Histograms", *shown]) if shown else ""


def _settings(manifest: Mapping[str, Any]) -> str:
    settings = json.dumps(manifest["settings"], indent=2, sort_keys=True)
    return f"## Settings\n\n```json\n{settings}\n```"


def _table(name: str, value: str, rows: Mapping[str, int]) -> str:
    if not rows:
        return ""
    lines = [f"| {key} | {count} |" for key, count in rows.items()]
    return "\n".join([f"| {name} | {value} |", "|---|---:|", *lines])


def _example(example: RaftExample) -> str:
    documents = [
        f"{number}. *{document.role}* `{document.doc_id}`: {_short(document.text)}"
        for number, document in enumerate(example.documents, 1)
    ]
    target = render_target(example.reasoning, example.open_book_answer)
    return "\n".join(
        [
            f"**{_short(example.question)}** (`{example.id}`)\n",
            *documents,
            f"\n```text\n{target}\n```",
        ]
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…"


def _number(value: float | None) -> str:
    return "none in this set" if value is None else f"{value}"
