"""Small training sets and a tiny model for tests: real shapes and a real tokenizer, random weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from cluster.console import Console
from cluster.datasets import Datasets
from cluster.objects import ObjectStore
from cluster.prompts import PROMPT_HASH, render_quote
from cluster.records import (
    ContextDocument,
    Conversation,
    PackedText,
    Quote,
    RaftExample,
    Segment,
    Split,
    Turn,
)
from cluster.resolve import load_settings
from cluster.session import Session
from cluster.settings import TrainSettings

TRAIN = TrainSettings(
    epochs=2,
    batch_size=4,
    max_tokens=512,
    micro_batch_tokens=700,
    learning_rate=5e-3,
    lora_rank=4,
    lora_alpha=8,
)

# what a manifest tells about leakage, and all that a card needs of one
CLEAN = {
    "splits": "assigned", "given_splits": "keep", "oracle_chunks": 0, "documents": 0,
    "near_duplicate_clusters": 0, "test_questions": 0, "test_oracles_among_training_distractors": 3,
}  # fmt: skip
CARD: dict[str, Any] = {
    "corpus": "parts", "generation": "g1", "embedder": "minilm", "metric": "label",
    "counts": {"train": 3, "validation": 0, "test": 1}, "rejected": {"no_oracle": 2},
    "oracle_fraction": {"target": 0.8, "measured": 0.75}, "quotes": {"given": 4},
    "settings": {"raft": {"seed": 0, "absent_policy": "abstain"}}, "oracle_retrieved": 0.9,
    "dropped_candidates": {"near_duplicate": 5}, "distractors": {"hard": 9}, "short_contexts": 1,
    "trimmed": {"examples": 2, "distractors": 3}, "abstaining": 1, "leakage": CLEAN,
    "poisoned": {"target": 0.1, "measured": 0.25}, "histograms": {"place": [("1", 2), ("2", 2)]},
}  # fmt: skip


def example(
    name: str, documents: int = 4, oracle_at: int = 1, split: Split = "train"
) -> RaftExample:
    """An example whose oracle is document `oracle_at` (from 0), quoted by its reasoning."""
    fact = f"The {name} needs {len(name)} bolts of size {oracle_at}."
    shown = tuple(
        ContextDocument(
            chunk_id=f"{name}-{place}",
            doc_id=f"{name}-{place}.md",
            title=f"Part {place}",
            text=fact if place == oracle_at else f"Part {place} is kept dry. " * (3 + place),
            role="oracle" if place == oracle_at else "distractor",
            score=0.5,
            rank=place + 1,
        )
        for place in range(documents)
    )
    return RaftExample(
        id=name,
        question=f"How many bolts does the {name} need?",
        documents=shown,
        oracle_present=True,
        reasoning=f"{render_quote(oracle_at + 1, fact)} So the number is known.",
        plain_reasoning="So the number is known.",
        answer=f"{len(name)} bolts",
        quotes=(Quote(f"{name}-{oracle_at}", 0, len(fact)),),
        oracle=(f"{name}-{oracle_at}",),
        split=split,
        seed=0,
    )


def examples(count: int, split: Split = "train") -> list[RaftExample]:
    """Distinct examples with 2 to 5 documents."""
    return [
        example(f"{split} lamp {n:02d}", documents=2 + n % 4, oracle_at=n % 2, split=split)
        for n in range(count)
    ]


def publish_set(store: ObjectStore, count: int, prompt_hash: str = PROMPT_HASH) -> str:
    """A published set `lamps` with `count` training and 2 validation examples; returns its name."""
    manifest = {"prompt_hash": prompt_hash, "corpus": "parts", "generation": "g1"}
    splits: dict[Split, list[RaftExample]] = {
        "train": examples(count),
        "validation": examples(2, "validation"),
    }
    Datasets(store).publish("lamps", f"v{count}", splits, manifest, "# lamps")
    return "lamps"


def chats(count: int, split: Split = "train") -> list[Conversation]:
    """Distinct conversations of two answers each; the first answer of every other one is not learned."""
    return [
        Conversation(
            f"{split} chat {n:02d}",
            (
                Turn("system", "Speak like a lamp."),
                Turn("user", f"Who are you, number {n}?"),
                Turn("assistant", f"Lamp number {n}, glad to glow.", learn=n % 2 == 0),
                Turn("user", "And who else is here?"),
                Turn("assistant", f"Lamp number {n + 1}, glad to glow."),
            ),
            split,
        )
        for n in range(count)
    ]


def publish_conversations(session: Session) -> None:
    """An instruction set `chats`."""
    rows = [*chats(6), *chats(2, "validation")]
    session.datasets.publish_stream("chats", "v1", rows, lambda: ({"kind": "instruct"}, "# chats"))


def packed_texts(count: int, split: Split = "train") -> list[PackedText]:
    """Rows of two documents each."""
    rows = []
    for n in range(count):
        first, second = f"The lamp {n} is on the desk.", f"The lamp {n} needs {n} bolts."
        text, at = f"{first}\n\n{second}", len(first) + 2
        segments = (Segment("a", 0, len(first)), Segment("b", at, at + len(second)))
        rows.append(PackedText(f"{split} row {n:02d}", text, segments, 20, split))
    return rows


def publish_texts(session: Session, tokenizer: str) -> None:
    """A CPT set `pages`, packed by the tokens of a model."""
    manifest = {"kind": "cpt", "tokenizer": tokenizer}
    rows = [*packed_texts(6), *packed_texts(2, "validation")]
    session.datasets.publish_stream("pages", "v1", rows, lambda: (manifest, "# pages"))


def save_tiny_model(folder: Path, tokenizer_of: str) -> str:
    """A Llama with 2 layers, width 32 and random weights, with the tokenizer of another model."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def session_of_file(
    home: Path, model: str, train: TrainSettings, **sections: Mapping[str, object]
) -> Session:
    """A session from a settings file that a command can read too; its store has the set `lamps`."""
    home.mkdir(exist_ok=True)
    values = {
        "home": str(home),
        "models": {"base": model, "dtype": "float32"},
        "train": train.model_dump(mode="json"),
        **sections,
    }
    (home / "openbook.yaml").write_text(yaml.safe_dump(values))
    settings = load_settings(file=home / "openbook.yaml", environ={}).settings
    session = Session(settings, Console(quiet=True))
    publish_set(session.store, 9)
    return session
