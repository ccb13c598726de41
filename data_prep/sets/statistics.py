"""What is in a set: the counts and histograms of its manifest, card and report. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cluster.records import ContextDocument, RaftExample
from cluster.settings import RaftSettings
from data_prep.sets.histograms import Histogram, of_numbers, of_ranks, of_values
from data_prep.sets.oracles import Rejection
from data_prep.sets.raft import Built, Task

_DIGITS = 4


def statistics(
    built: Sequence[Built], tasks: Sequence[Task], settings: RaftSettings
) -> dict[str, Any]:
    """What a reader of the card should know before training on the set."""
    dropped: Counter[str] = Counter()
    for one in built:
        dropped.update(one.dropped)
    examples = [one.example for one in built]
    return {
        "oracle_fraction": _oracle_fraction(examples, settings),
        "oracle_retrieved": _share(one.found for one in built),
        "quotes": _quotes(tasks),
        "dropped_candidates": dict(sorted(dropped.items())),
        "distractors": dict(of_values(d.kind for e in examples for d in e.documents if d.kind)),
        "short_contexts": sum(one.missing > 0 for one in built),
        "trimmed": {
            "examples": sum(one.trimmed > 0 for one in built),
            "distractors": sum(one.trimmed for one in built),
        },
        "abstaining": sum(example.abstain for example in examples),
        "poisoned": {
            "target": settings.poison_fraction,
            "measured": _share(any(d.poisoned for d in e.documents) for e in examples),
        },
        "histograms": _histograms(built, settings),
    }


def rejection_counts(rejections: Iterable[Rejection]) -> dict[str, int]:
    """Rejected questions by reason."""
    return dict(sorted(Counter(rejection.reason for rejection in rejections).items()))


def _oracle_fraction(examples: Iterable[RaftExample], settings: RaftSettings) -> dict[str, Any]:
    """Of training examples; a set that follows the retriever has no target."""
    train = [example.oracle_present for example in examples if example.split == "train"]
    target = settings.oracle_fraction if settings.oracle_mode == "fraction" else None
    return {"target": target, "measured": _share(train) if train else None}


def _quotes(tasks: Iterable[Task]) -> dict[str, int]:
    oracles = [oracle for task in tasks for oracle in task.oracles]
    counts = Counter(oracle.origin for oracle in oracles for _ in oracle.quotes)
    lost = sum(oracle.lost for oracle in oracles)
    return {**dict(sorted(counts.items())), **({"rejected": lost} if lost else {})}


def _histograms(built: Sequence[Built], settings: RaftSettings) -> dict[str, Histogram]:
    examples = [one.example for one in built]
    oracles = [document for e in examples for document in e.documents if document.role == "oracle"]
    others = [document for e in examples for document in e.documents if document.role != "oracle"]
    counted = "training tokens" if settings.max_tokens else "document tokens (of the embedder)"
    return {
        counted: of_numbers(one.tokens for one in built),
        "documents in the prompt": of_values(len(example.documents) for example in examples),
        "rank of the oracle": of_ranks(document.rank for document in oracles),
        "place of the oracle in the prompt": of_values(
            place
            for example in examples
            for place, document in enumerate(example.documents, 1)
            if document.role == "oracle"
        ),
        "score of the oracle": _scores(oracles),
        "score of the distractors": _scores(others),
    }


def _scores(documents: Iterable[ContextDocument]) -> Histogram:
    return of_numbers(document.score for document in documents if document.score is not None)


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return round(sum(found) / len(found), _DIGITS) if found else 0.0
