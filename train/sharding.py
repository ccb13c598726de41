"""A model whose weights are shared out over the workers (FSDP2), where all of them are trained.

Each worker keeps a part of every weight, its gradient and its moments, in float32; a layer is whole only
while it computes, in the training dtype. Parts are rows of the weight's first dimension, in the order of
ranks, as many for each worker as fit (Zhao et al. 2023, arXiv 2304.11277; torch.distributed.fsdp).
Every worker must make the same passes over the model, whatever its share of the batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from cluster.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class Part:
    """What worker `rank` of `world` keeps of a whole tensor."""

    rank: int
    world: int

    def of(self, whole: Tensor) -> Tensor:
        """The worker's rows, a view; none where there are fewer rows than workers before it."""
        rows = -(-len(whole) // self.world)
        return whole[self.rank * rows : (self.rank + 1) * rows]


WHOLE = Part(0, 1)


def shards(settings: TrainSettings, world: int) -> bool:
    """Whether a run of `world` workers shares the model out: an adapter is too small to be worth it."""
    return settings.method == "full" and world > 1


def shard(model: Any, dtype: str, device: str) -> Any:
    """Leave of `model`, on the CPU yet, this worker's part on its device; gradients become sums.

    Needs the process group of the workers.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

    kind = torch.device(device).type
    mesh = init_device_mesh(kind, (torch.distributed.get_world_size(),))
    computed = None if dtype == "float32" else getattr(torch, dtype)
    policy = MixedPrecisionPolicy(param_dtype=computed, reduce_dtype=torch.float32)
    for module in model.modules():
        if type(module).__name__ in (model._no_split_modules or ()):
            fully_shard(module, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
    return model


def is_sharded(weight: Tensor) -> bool:
    """Whether a weight is shared out."""
    return isinstance(weight, DTensor)


def local(weight: Tensor) -> Tensor:
    """What of a weight is here, as a tensor with the same memory; the weight itself where that is all."""
    return weight.detach().to_local() if isinstance(weight, DTensor) else weight


def place_gradient(weight: Tensor, gradient: Tensor) -> None:
    """Let backward passes add to `gradient`, of the shape of `local(weight)`."""
    if isinstance(weight, DTensor):
        weight.grad = DTensor.from_local(
            gradient,
            weight.device_mesh,
            weight.placements,
            run_check=False,
            shape=weight.shape,
            stride=weight.stride(),
        )
    else:
        weight.grad = gradient


def whole_state(model: Any, dtype: str, keep: bool) -> Mapping[str, Tensor]:
    """All weights on the CPU in `dtype`, for the worker that wants to `keep` them; empty for others.

    Where the model is sharded every worker must ask, one tensor after the other is put together.
    """
    state = {}
    for name, weight in model.state_dict().items():
        whole = weight.full_tensor() if isinstance(weight, DTensor) else weight
        if keep:
            state[name] = whole.detach().to("cpu", getattr(torch, dtype))
    return state
