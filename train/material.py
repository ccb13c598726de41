"""What a run trains on: the records of its set and how its mode shows them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cluster.datasets import Datasets
from cluster.records import Split
from cluster.settings import TrainSettings
from train.batches import Schedule
from train.conversations import ConversationEncoder
from train.encoding import Encoding, Item
from train.examples import Encoder
from train.modes import Mode
from train.packed_texts import PackedTextEncoder


@dataclass(frozen=True)
class Material:
    """What a run trains on; `seed` names the run in every random choice."""

    schedule: Schedule
    validation: Sequence[Item]
    encoding: Encoding
    seed: int


def load_material(
    datasets: Datasets, dataset: str, mode: Mode, settings: TrainSettings, tokenizer: Any, seed: int
) -> Material:
    """The material of a run on `dataset` (`name@version`). InputError for a set of another kind."""
    examples = _READ[mode](datasets, dataset, "train")
    validation = _READ[mode](datasets, dataset, "validation")[: settings.validation_examples]
    schedule = Schedule(
        examples, settings.batch_size, settings.epochs, settings.seed, settings.max_steps
    )
    return Material(schedule, validation, _encoding(mode, settings, tokenizer), seed)


def _encoding(mode: Mode, settings: TrainSettings, tokenizer: Any) -> Encoding:
    if mode == "cpt":
        return PackedTextEncoder(tokenizer, settings.max_tokens)
    if mode == "instruct":
        return ConversationEncoder(tokenizer, settings.max_tokens)
    return Encoder(tokenizer, mode, settings.max_tokens, settings.seed)


_READ: Mapping[Mode, Callable[[Datasets, str, Split], Sequence[Item]]] = {
    "raft": Datasets.read,
    "dsf": Datasets.read,
    "cpt": Datasets.read_texts,
    "instruct": Datasets.read_conversations,
}
