"""What a run needs to go on, as one directory: weights (also the best so far), moments and progress.

Tensors are in safetensors, the rest in JSON: nothing in a checkpoint can run code when it is read.
What is frozen is not in it. Workers that hold the same write it once; where the model is shared out each
writes a file with its part, and any number of workers can go on from them.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from train.fit import Fit
from train.progress import Progress

PROGRESS = "progress.json"
_TENSORS, _ALL_TENSORS = "state-{rank:05d}.safetensors", "state*.safetensors"
_BEST = "best/"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save(fit: Fit, folder: Path) -> None:
    """Write the state of `fit` into `folder`, or its worker's part of it."""
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    for name, weight in fit.optimiser.weights.items():
        tensors[f"weight/{name}"] = weight.detach()
        for moment, value in fit.optimiser.adamw.state.get(weight, {}).items():
            tensors[f"{moment}/{name}"] = value
    tensors |= {f"{_BEST}{name}": weight for name, weight in fit.best.items()}
    path = folder / _TENSORS.format(rank=fit.optimiser.part.rank)
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    if fit.optimiser.part.rank == 0:
        (folder / PROGRESS).write_text(json.dumps(fit.progress.as_json()), "utf-8")


def restore(fit: Fit, folder: Path) -> None:
    """Bring `fit` into the state that `save` wrote, on however many workers."""
    from safetensors import safe_open

    fit.progress = Progress(**json.loads((folder / PROGRESS).read_text("utf-8")))
    with ExitStack() as stack:
        paths = sorted(folder.glob(_ALL_TENSORS))
        files = [stack.enter_context(safe_open(path, "pt")) for path in paths]
        _restore(fit, files)


def _restore(fit: Fit, files: Sequence[Any]) -> None:
    saved, part = set(files[0].keys()), fit.optimiser.part

    def read(key: str, weight: torch.Tensor) -> torch.Tensor:
        whole = torch.cat([file.get_tensor(key) for file in files])
        return part.of(whole).to(weight.device, copy=True)

    for name, weight in fit.optimiser.weights.items():
        with torch.no_grad():
            weight.copy_(read(f"weight/{name}", weight))
        moments: Mapping[str, torch.Tensor] = {
            # AdamW keeps its step count on the CPU, one for the whole weight
            moment: files[0].get_tensor(f"step/{name}")
            if moment == "step"
            else read(f"{moment}/{name}", weight)
            for moment in _MOMENTS
            if f"{moment}/{name}" in saved
        }
        if moments:
            fit.optimiser.adamw.state[weight] = dict(moments)
        if f"{_BEST}{name}" in saved:
            fit.best[name] = read(f"{_BEST}{name}", weight)
