"""Training on the CPU against its peers, in one process: python -m tests.bench.training [--only packing,lora]

The first layers of SmolLM2-135M in float32, texts of 64 to 512 tokens (log-normal), about 1,024 a step,
loss on all tokens. Ratios count processor time, so work in other processes does not disturb them.

packing   packed rows against a padded batch of the same texts in transformers, tokens of texts alone;
          `share_of_ideal` is that over what padding wastes, 1 / (1 - pad)
lora      a LoRA step against one of all weights, on the same rows
layers    a LoRA step on the last half of the layers against one on all
loop      a step of ours, encoding included, against a bare loop over rows that are ready
checkpoint  a checkpoint into the object store, as a share of 100 steps
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import torch

from cluster.objects import LocalStore
from cluster.settings import TrainSettings
from tests.bench.engine import cut_model
from tests.bench.measure import cost_of, paired, report
from train import checkpoint
from train.batches import Schedule, micro_batches, pack
from train.encoding import IGNORE, Encoded
from train.fit import Fit
from train.material import Material
from train.model import AnswerLoss, Base, build_model, trained_weights
from train.optimiser import Alone

ROW, STEPS, TEXTS, VOCABULARY = 1024, 6, 120, 49000
Step = Callable[[], None]


class Text:
    """A record whose tokens are its own."""

    def __init__(self, number: int, ids: list[int]) -> None:
        self.id, self.size, self.ids = f"{number:04d}", len(ids), ids


class Plain:
    """Shows a record as it is; `Encoding` of a fit."""

    def texts(self, item: Text, _epoch: int) -> list[Encoded]:
        return [Encoded(item.ids, item.ids)]


def sample() -> list[Text]:
    """Random tokens in lengths like those of RAFT texts cut small."""
    draw = random.Random(3)
    lengths = [min(max(int(draw.lognormvariate(5.2, 0.6)), 64), 512) for _ in range(TEXTS)]
    return [Text(n, draw.choices(range(VOCABULARY), k=k)) for n, k in enumerate(lengths)]


def batches(texts: Sequence[Text]) -> list[list[Encoded]]:
    """Steps of about `ROW` tokens, in the order of the texts, as a shuffled set has them."""
    found: list[list[Encoded]] = [[]]
    for text in texts:
        if sum(len(one.ids) for one in found[-1]) + text.size > ROW:
            found.append([])
        found[-1].append(Encoded(text.ids, text.ids))
    return found[:-1]


class Bench:
    """One model on disk, one set of texts."""

    def __init__(self, layers: int, folder: Path) -> None:
        self.path, self.layers = cut_model(layers, folder / "model"), layers
        self.folder = folder
        self.texts = sample()
        self.batches = batches(self.texts)

    def ours(self, **changes: Any) -> Step:
        """`STEPS` updates on packed rows."""
        settings = TrainSettings.model_validate(changes)
        model = build_model(Base(self.path, "float32"), settings)
        loss = AnswerLoss(model, "float32")
        rows = cycle([[pack(g) for g in micro_batches(b, ROW)] for b in self.batches])
        return loop(model, rows, lambda row: loss(row) / ROW)

    def padded(self) -> Step:
        """`STEPS` updates of transformers and peft on padded batches of the same texts."""
        model = build_model(
            Base(self.path, "float32"), TrainSettings.model_validate({"packing": False})
        )
        rows = cycle([[pad(batch)] for batch in self.batches])
        return loop(model, rows, lambda row: model(**row, use_cache=False).loss)

    def fit(self) -> Fit:
        """As a worker has it."""
        settings = TrainSettings(micro_batch_tokens=ROW, eval_steps=10**6)
        model = build_model(Base(self.path, "float32"), settings)
        material = Material(self.schedule(), (), Plain(), seed=1)
        return Fit(model, AnswerLoss(model, "float32"), material, settings, Alone())

    def schedule(self) -> Schedule:
        """A step takes as many texts as a batch has on average."""
        size = round(sum(map(len, self.batches)) / len(self.batches))
        return Schedule(self.texts, size, 1000, 0)

    def bare(self) -> Step:
        """The steps of `fit` by hand: rows made before, PyTorch's clipping and optimiser."""
        model = build_model(Base(self.path, "float32"), TrainSettings())
        loss, schedule, made = AnswerLoss(model, "float32"), self.schedule(), []
        for step in range(STEPS * 40):
            _, batch = schedule.batch(step)
            texts = [text for item in batch for text in Plain().texts(item, 0)]
            made.append([pack(group) for group in micro_batches(texts, ROW)])
        return loop(model, cycle(made), lambda row: loss(row) / ROW)


def loop(model: Any, rows: Any, loss: Callable[[Any], Any]) -> Step:
    """`STEPS` updates of a plain loop; `rows` gives the micro-batches of each."""
    weights = list(trained_weights(model).values())
    adamw = torch.optim.AdamW(weights, lr=1e-4)
    model.train()

    def run() -> None:
        for _ in range(STEPS):
            for row in next(rows):
                loss(row).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            adamw.step()
            adamw.zero_grad()

    return run


def pad(texts: Sequence[Encoded]) -> dict[str, torch.Tensor]:
    """What a collator of transformers makes of a batch."""
    longest = max(len(text.ids) for text in texts)
    ids = [text.ids + [0] * (longest - len(text.ids)) for text in texts]
    labels = [text.ids + [IGNORE] * (longest - len(text.ids)) for text in texts]
    mask = [[1] * len(text.ids) + [0] * (longest - len(text.ids)) for text in texts]
    return {
        "input_ids": torch.tensor(ids),
        "labels": torch.tensor(labels),
        "attention_mask": torch.tensor(mask),
    }


def bench_packing(bench: Bench, pairs: int) -> dict[str, Any]:
    """Both arms see the same texts in the same batches."""
    real = sum(len(text.ids) for batch in bench.batches for text in batch)
    computed = sum(len(b) * max(len(text.ids) for text in b) for b in bench.batches)
    found = paired(bench.padded(), bench.ours(), pairs)
    ideal = computed / real
    return {**found, "ideal": round(ideal, 3), "share_of_ideal": round(found["ratio"] / ideal, 3)}


def bench_lora(bench: Bench, pairs: int) -> dict[str, Any]:
    """A step of all weights against one of an adapter."""
    return paired(bench.ours(method="full"), bench.ours(), pairs)


def bench_layers(bench: Bench, pairs: int) -> dict[str, Any]:
    """A step of all layers against one of the last half."""
    return paired(bench.ours(), bench.ours(lora_layers=bench.layers // 2), pairs)


def bench_loop(bench: Bench, pairs: int) -> dict[str, Any]:
    """How fast a fit is against a bare loop."""
    fit = bench.fit()

    def steps() -> None:
        for _ in range(STEPS):
            fit.step()

    found = paired(steps, bench.bare(), pairs)
    inverse = [round(1 / value, 3) for value in reversed(found["range"])]
    return {**found, "ratio": round(1 / found["ratio"], 3), "range": inverse}


def bench_checkpoint(bench: Bench, pairs: int) -> dict[str, Any]:
    """Saving and uploading, against the steps between two checkpoints at one in 100."""
    fit, store = bench.fit(), LocalStore(bench.folder / "store")
    fit.step()
    step = cost_of(lambda: [fit.step() for _ in range(STEPS)]).wall_s / STEPS

    def save() -> None:
        with tempfile.TemporaryDirectory() as name:
            checkpoint.save(fit, Path(name))
            for path in Path(name).iterdir():
                store.upload(f"checkpoint/{path.name}", path)

    costs = [cost_of(save).wall_s for _ in range(max(3, pairs))]
    share = min(costs) / (100 * step)
    return {"checkpoint_s": [round(c, 3) for c in costs], "step_s": round(step, 3),
            "share_of_100_steps": round(share, 4)}  # fmt: skip


SECTIONS = {
    "packing": bench_packing,
    "lora": bench_lora,
    "layers": bench_layers,
    "loop": bench_loop,
    "checkpoint": bench_checkpoint,
}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--only", default=",".join(SECTIONS))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options.layers, Path(folder))
        chosen = options.only.split(",")
        results = {name: SECTIONS[name](bench, options.pairs) for name in chosen}
    report("training", {"options": vars(options), **results})


if __name__ == "__main__":
    main()
