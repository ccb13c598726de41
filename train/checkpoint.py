"""What a run needs to go on, as one directory: weights (also the best so far), moments and progress.

Tensors are in safetensors, the rest in JSON: nothing in a checkpoint can run code when it is read.
What is frozen is not in it. Every worker holds the same state, so worker 0 writes for all.
"""

import json
from pathlib import Path
from typing import Any

import torch

from train.fit import Fit
from train.progress import Progress

TENSORS = "state.safetensors"
PROGRESS = "progress.json"
_BEST = "best/"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save(fit: Fit, folder: Path) -> None:
    """Write the state of `fit` into `folder`."""
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    for name, weight in fit.optimiser.weights.items():
        tensors[f"weight/{name}"] = weight.detach()
        for moment, value in fit.optimiser.adamw.state.get(weight, {}).items():
            tensors[f"{moment}/{name}"] = value
    tensors |= {f"{_BEST}{name}": weight for name, weight in fit.best.items()}
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / TENSORS)
    (folder / PROGRESS).write_text(json.dumps(fit.progress.as_json()), "utf-8")


def restore(fit: Fit, folder: Path) -> None:
    """Bring `fit` into the state that `save` wrote."""
    from safetensors.torch import load_file

    fit.progress = Progress(**json.loads((folder / PROGRESS).read_text("utf-8")))
    tensors = load_file(folder / TENSORS)
    for name, weight in fit.optimiser.weights.items():
        with torch.no_grad():
            weight.copy_(tensors[f"weight/{name}"])
        moments: dict[str, Any] = {
            moment: _placed(tensors[f"{moment}/{name}"], weight, moment)
            for moment in _MOMENTS
            if f"{moment}/{name}" in tensors
        }
        if moments:
            fit.optimiser.adamw.state[weight] = moments
        if f"{_BEST}{name}" in tensors:
            fit.best[name] = tensors[f"{_BEST}{name}"].to(weight.device)


def _placed(value: torch.Tensor, weight: torch.Tensor, moment: str) -> torch.Tensor:
    """Moments live with their weight; AdamW keeps its step count on the CPU."""
    return value if moment == "step" else value.to(weight.device)
