"""What a run will take, told before it starts: memory in each worker, tokens, time.

Weights and optimiser are counted exactly, from a skeleton of the model without memory (PyTorch's meta
device) and texts of the set itself. Activations follow what PyTorch keeps of a Llama-like layer for the
backward pass, and time the floating-point operations (Kaplan et al. 2020, section 2.1) at the share of a
matrix product's speed that training reaches here; both are good to about a third, but a model too small
to keep a GPU busy takes longer.
Letters: N parameters, T tokens.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from cluster.errors import SettingsError
from cluster.settings import TrainSettings
from train.encoding import Encoded
from train.material import Material
from train.methods import freezes_base
from train.model import Base, build_skeleton, trained_weights
from train.sharding import shards

_GIB = 1 << 30
_SAMPLE = 256  # texts looked at for lengths
_SHARE = 0.4  # of a matrix product's speed that training reaches
_NF4_BYTES = 0.53  # a weight in 4 bits with its doubly quantised scale (QLoRA, section 3)
_PROBE, _PROBE_S = 1024, 0.2
_LIBRARIES = _GIB  # Python, torch and Ray in a worker, or the CUDA context


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a model: parameters in all, in linear layers, trained; and what a token costs in memory."""

    parameters: int
    linear: int
    trained: int
    layers: int
    hidden: int
    feed_forward: int
    vocabulary: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one run. Bytes are of one worker; `tokens` and `seconds` of the whole; None where unknown."""

    weights: int
    optimiser: int
    activations: int
    tokens: int
    skipped_share: float
    seconds: float | None
    available: int | None

    @property
    def memory(self) -> int:
        """Bytes that a worker needs."""
        return self.weights + self.optimiser + self.activations + _LIBRARIES

    def told(self) -> str:
        """For a person."""
        time = "" if self.seconds is None else f", about {_clock(self.seconds)}"
        free = "" if self.available is None else f" of {self.available / _GIB:.1f} GiB free"
        return (
            f"{self.tokens:,} tokens{time}; about {self.memory / _GIB:.1f} GiB{free} in each worker"
        )

    def as_json(self) -> dict[str, Any]:
        """For a report; memory in GiB."""
        parts = {"memory": self.memory, "weights": self.weights, "optimiser": self.optimiser,
                 "activations": self.activations, "available": self.available}  # fmt: skip
        sizes = {f"{k}_gib": None if v is None else round(v / _GIB, 2) for k, v in parts.items()}
        seconds = None if self.seconds is None else round(self.seconds)
        return {
            **sizes,
            "tokens": self.tokens,
            "skipped_share": self.skipped_share,
            "seconds": seconds,
        }


def model_shape(base: Base, settings: TrainSettings) -> Shape:
    """The sizes of what `settings` train, from the configuration of the base alone."""
    skeleton = build_skeleton(base, settings)
    config = skeleton.config.get_text_config()
    linear = [m.weight.numel() for m in skeleton.modules() if isinstance(m, torch.nn.Linear)]
    hidden = int(config.hidden_size)
    return Shape(
        parameters=sum(weight.numel() for weight in skeleton.parameters()),
        linear=sum(linear),
        trained=sum(weight.numel() for weight in trained_weights(skeleton).values()),
        layers=int(config.num_hidden_layers),
        hidden=hidden,
        feed_forward=int(getattr(config, "intermediate_size", None) or 4 * hidden),
        vocabulary=int(config.vocab_size),
    )


def estimate_run(
    shape: Shape, material: Material, settings: TrainSettings, base: Base, available: int | None
) -> Estimate:
    """What a run takes; `available` bytes of memory are free for each worker."""
    texts, looked_at, skipped = _sample(material)
    longest = max(len(text.ids) for text in texts)
    row = max(settings.micro_batch_tokens if settings.packing else 1, longest)
    supervised = sum(text.supervised for text in texts) / sum(len(text.ids) for text in texts)
    mean = sum(len(text.ids) for text in texts) / looked_at
    tokens = round(mean * material.schedule.visits)
    workers = settings.min_workers or settings.num_workers
    parts = workers if shards(settings, workers) else 1
    return Estimate(
        weights=_weights(shape, settings, base.dtype) // parts
        + _gathered(shape, base.dtype, parts),
        optimiser=shape.trained * (16 if settings.keep == "best" else 12) // parts,
        activations=_activations(shape, settings, base.dtype, row, round(row * supervised)),
        tokens=tokens,
        skipped_share=round(skipped / looked_at, 4),
        seconds=_seconds(shape, settings, base, tokens),
        available=available,
    )


def check_fits(estimate: Estimate, settings: TrainSettings) -> None:
    """SettingsError, naming the setting to change, when a worker's memory will not do."""
    if estimate.available is None or estimate.memory <= estimate.available:
        return
    if estimate.activations > estimate.weights + estimate.optimiser:
        change = (
            f"lower train.micro_batch_tokens={settings.micro_batch_tokens} or train.max_tokens="
            f"{settings.max_tokens}" + ("" if settings.gradient_checkpointing else
            ", or set train.gradient_checkpointing=true")
        )  # fmt: skip
    elif not freezes_base(settings):
        change = (
            "train an adapter instead (train.method=lora), or share the model out over more workers "
            "(train.num_workers)"
        )
    elif settings.use_gpu and settings.method != "qlora":
        change = "keep the base in 4 bits (train.method=qlora)"
    else:
        change = "choose a smaller models.base, or fewer train.num_workers on this machine"
    raise SettingsError(
        f"a worker needs about {estimate.memory / _GIB:.1f} GiB (weights {estimate.weights / _GIB:.1f}, "
        f"optimiser {estimate.optimiser / _GIB:.1f}, activations {estimate.activations / _GIB:.1f}), "
        f"{estimate.available / _GIB:.1f} GiB are free for it; {change}"
    )


def _clock(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{max(1, round(seconds / 60))} min"


def _sample(material: Material) -> tuple[Sequence[Encoded], int, int]:
    """Texts of examples spread over the set, of how many, and how many of these do not fit."""
    examples = material.schedule.examples
    spread = islice(examples, 0, None, max(1, len(examples) // _SAMPLE))
    tried = [material.encoding.texts(example, 0) for example in spread]
    if not any(tried):  # some example fits, or the run would not have come this far
        every = (material.encoding.texts(example, 0) for example in examples)
        tried.append(next(texts for texts in every if texts))
    texts = [text for found in tried for text in found]
    return texts, len(tried), sum(not found for found in tried)


def _weights(shape: Shape, settings: TrainSettings, dtype: str) -> int:
    size = getattr(torch, dtype).itemsize
    frozen = shape.parameters - shape.trained
    if settings.method == "qlora":
        quantised = min(shape.linear, frozen)
        return int(quantised * _NF4_BYTES) + (frozen - quantised) * size + shape.trained * 4
    return frozen * size + shape.trained * 4


def _gathered(shape: Shape, dtype: str, parts: int) -> int:
    """What a sharded model puts together while it computes: two layers, embedding and head."""
    if parts == 1:
        return 0
    layers = 2 * shape.parameters // shape.layers
    return (layers + 2 * shape.vocabulary * shape.hidden) * getattr(torch, dtype).itemsize


def _activations(
    shape: Shape, settings: TrainSettings, dtype: str, row: int, supervised: int
) -> int:
    """Of the largest micro-batch: `row` tokens, and logits of those with loss."""
    size = getattr(torch, dtype).itemsize
    # two norms in float32; inputs of linears, queries, keys, values, their rotated and repeated copies,
    # the attention's output, residuals; gate, its activation, up and their product
    layer = shape.hidden * (8 + 13 * size) + shape.feed_forward * 4 * size
    layers = _passed_back(shape, settings)
    kept = layer * layers
    if settings.gradient_checkpointing:
        kept = shape.hidden * size * layers + layer
    # logits in the dtype, in float32, and the gradients of both
    return row * kept + supervised * shape.vocabulary * (2 * size + 8)


def _passed_back(shape: Shape, settings: TrainSettings) -> int:
    """Layers that the backward pass goes through: it ends at the first that is trained."""
    return (settings.lora_layers if freezes_base(settings) else None) or shape.layers


def _seconds(shape: Shape, settings: TrainSettings, base: Base, tokens: int) -> float | None:
    if settings.use_gpu and base.device == "cpu":
        return None  # the GPUs are elsewhere
    back = 2 * _passed_back(shape, settings) / shape.layers if freezes_base(settings) else 4
    operations = (2 + back) * shape.parameters * tokens
    return operations / (_SHARE * _speed(base) * (settings.num_workers if settings.use_gpu else 1))


def _speed(base: Base) -> float:
    """Floating-point operations a second of a matrix product here."""
    part = torch.ones(_PROBE, _PROBE, dtype=getattr(torch, base.dtype), device=base.device)
    part @ part
    started, rounds = time.perf_counter(), 0
    while time.perf_counter() - started < _PROBE_S:
        (part @ part)[0, 0].item()
        rounds += 1
    return 2 * _PROBE**3 * rounds / (time.perf_counter() - started)
