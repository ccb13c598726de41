"""What a comparison is about: the questions of one split of a set, and how the set wants them scored."""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.datasets import Datasets
from cluster.errors import InputError, NotFoundError
from cluster.keys import content_id
from cluster.records import RaftExample, Split
from cluster.settings import CompareSettings
from train.metrics import METRICS
from train.scorecard import MAX_LABELS, Yardstick


@dataclass(frozen=True, slots=True)
class Subject:
    """The questions, out of `available` in the split. `generation` is the one the set was made from."""

    dataset: str
    version: str
    split: Split
    corpus: str | None
    generation: str | None
    examples: Sequence[RaftExample]
    available: int
    yardstick: Yardstick


def load_subject(datasets: Datasets, spec: str, settings: CompareSettings) -> Subject:
    """The questions of `settings.split`, at most `settings.limit` of them.

    Raises NotFoundError for an unknown set or an empty split, InputError for an unknown metric.
    """
    name, version = datasets.resolve(spec)
    exact = f"{name}@{version}"
    manifest = datasets.manifest(exact)
    metric = settings.metric or manifest.get("metric", METRICS[0])
    if metric not in METRICS:
        raise InputError(
            f"dataset {exact} has metric={metric!r} in its manifest; known are {', '.join(METRICS)}"
        )
    examples = list(datasets.read(exact, settings.split))
    if not examples:
        raise NotFoundError(
            f"dataset {exact} has no {settings.split} examples to compare on; give questions of its "
            f"source file the split {settings.split!r}, or choose another with --split"
        )
    return Subject(
        dataset=name,
        version=version,
        split=settings.split,
        corpus=manifest.get("corpus"),
        generation=manifest.get("generation"),
        examples=sample(examples, settings.limit, settings.seed),
        available=len(examples),
        yardstick=Yardstick(metric, _labels(datasets, exact, metric, examples)),
    )


def sample(examples: Sequence[RaftExample], limit: int | None, seed: int) -> list[RaftExample]:
    """At most `limit` examples, drawn by a hash of their ids, back in their order.

    A larger limit only adds questions, so their answers in the journal stay of use.
    """
    drawn = sorted(examples, key=lambda example: content_id(seed, example.id))[:limit]
    return sorted(drawn, key=lambda example: example.id)


def _labels(
    datasets: Datasets, exact: str, metric: str, examples: Sequence[RaftExample]
) -> frozenset[str]:
    """The distinct answers of the set when they are few enough to be labels, or have to be."""
    answers = {example.answer for example in examples}
    if metric != "label" and len(answers) > MAX_LABELS:
        return frozenset()
    answers |= {example.answer for example in datasets.read(exact, "train")}
    return frozenset(answers) if metric == "label" or len(answers) <= MAX_LABELS else frozenset()
