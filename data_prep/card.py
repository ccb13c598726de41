"""The card of a training set: `README.md` in the Hugging Face form, YAML first, then for a person."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from cluster.prompts import render_target
from cluster.records import SPLITS, RaftExample

_SHOWN_CHARS = 240


def render_card(
    dataset: str, version: str, manifest: Mapping[str, Any], example: RaftExample
) -> str:
    """Markdown with a front matter that `datasets.load_dataset` reads."""
    front = yaml.safe_dump(_front_matter(dataset, manifest["counts"]), sort_keys=False)
    fraction = manifest["oracle_fraction"]
    settings = json.dumps(manifest["settings"], indent=2, sort_keys=True)
    parts = [
        f"---\n{front}---",
        f"# {dataset}",
        f"RAFT set, version `{version}`: questions with the document that answers among distractors "
        "from the live retriever, and the answer with verified quotes. Without its documents it is a "
        "DSF set.",
        f"Built from corpus `{manifest['corpus']}`, generation `{manifest['generation']}`, with "
        f"embedder `{manifest['embedder']}`. Metric: `{manifest['metric']}`.",
        _table("split", "examples", manifest["counts"]),
        f"Training examples that keep their oracle: {_number(fraction['measured'])} (target "
        f"{fraction['target']}); validation and test always keep it. The retriever returned every "
        f"oracle chunk for {manifest['oracle_retrieved']} of the questions. Contexts with fewer "
        f"distractors than asked for: {manifest['short_contexts']}.",
        _table("quotes", "oracles", manifest["quotes"]),
        _table("rejected question", "count", manifest["rejected"]),
        _table("dropped distractor", "count", manifest["dropped_candidates"]),
        f"## Settings\n\n```json\n{settings}\n```",
        f"## Example\n\n{_example(example)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(dataset: str, counts: Mapping[str, int]) -> dict[str, Any]:
    splits = [split for split in SPLITS if counts[split]]
    return {
        "pretty_name": dataset,
        "tags": ["raft", "openbook", "retrieval-augmented-fine-tuning"],
        "task_categories": ["question-answering"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": s, "path": f"{s}-*.parquet"} for s in splits],
            }
        ],
        "dataset_info": {"splits": [{"name": s, "num_examples": counts[s]} for s in splits]},
    }


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
    target = render_target(example.reasoning, example.answer)
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
