"""Training an 8B model with LoRA on one GPU: tokens a second, beside a plain loop, as JSON.

    python -m tests.bench.training_gpu [--layers 32] [--steps 20] [--arms ours,compiled,peft,qlora,full]

The shape of Llama-3-8B with random weights in bfloat16, rank 16 on all linears, rows of 4,096 tokens
with loss on each. `ours` packs two to nine texts into a row, `peft` is transformers and peft with one
text of 4,096 tokens (SDPA, bfloat16 adapter, fused AdamW). The probe is a matrix product of the same run;
the share counts 4 floating-point operations a token and parameter (performance of LoRA, no recompute).
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from cluster.settings import TrainSettings
from tests.bench.measure import report
from train import attention
from train.batches import pack
from train.encoding import Encoded
from train.model import AnswerLoss, prepare, trained_weights
from train.optimiser import Alone, Optimiser

ROW, WARM, PROBE = 4096, 5, 8192
LENGTHS = ((2048, 1100, 948), (4096,), (1500, 1300, 700, 596), (2600, 900, 300, 120, 176))


def config(layers: int) -> LlamaConfig:
    """Llama-3-8B's widths."""
    return LlamaConfig(
        vocab_size=128256, hidden_size=4096, intermediate_size=14336, num_hidden_layers=layers,
        num_attention_heads=32, num_key_value_heads=8, max_position_embeddings=8192, rope_theta=5e5,
    )  # fmt: skip


def random_model(layers: int, implementation: str) -> Any:
    """On the GPU, in bfloat16."""
    attention.register()
    with torch.device("cuda"):
        return AutoModelForCausalLM.from_config(
            config(layers), dtype=torch.bfloat16, attn_implementation=implementation
        )


def texts(vocabulary: int) -> Iterator[list[Encoded]]:
    """Rows of random texts, again and again."""
    generator = torch.Generator().manual_seed(1)
    while True:
        for lengths in LENGTHS:
            ids = [torch.randint(vocabulary, (n,), generator=generator).tolist() for n in lengths]
            yield [Encoded(one, one) for one in ids]


def ours(layers: int, **changes: Any) -> Callable[[], None]:
    """A step as `train.fit` makes it."""
    settings = TrainSettings(use_gpu=True, **changes)
    model = prepare(random_model(layers, attention.NAME), settings).to("cuda").train()
    loss = AnswerLoss(model, "bfloat16")
    optimiser, rows = Optimiser(trained_weights(model), settings, 1000), texts(128256)

    def step() -> None:
        row = pack(next(rows)).to(torch.device("cuda"))
        value = loss(row)
        value.backward()
        optimiser.count(loss=value.detach(), supervised=ROW, tokens=ROW)
        optimiser.update(10, Alone())

    return step


def peft(layers: int) -> Callable[[], None]:
    """A plain loop over transformers and peft."""
    from peft import LoraConfig, get_peft_model

    targets = list(TrainSettings().lora_targets)
    model = get_peft_model(
        random_model(layers, "sdpa"),
        LoraConfig(r=16, lora_alpha=32, target_modules=targets, task_type="CAUSAL_LM"),
        autocast_adapter_dtype=False,
    )
    model.to(torch.bfloat16).train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    adamw = torch.optim.AdamW(weights, lr=1e-3, fused=True)

    def step() -> None:
        ids = torch.randint(128256, (1, ROW), device="cuda")
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        adamw.step()
        adamw.zero_grad()

    return step


def measure(make: Callable[[], Callable[[], None]], steps: int) -> dict[str, float]:
    """Tokens a second over `steps`, and the most memory."""
    torch.cuda.reset_peak_memory_stats()
    step = make()
    started = time.perf_counter()
    for _ in range(WARM):
        step()
    torch.cuda.synchronize()
    warm = time.perf_counter() - started
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(steps + 1)]
    marks[0].record()
    for mark in marks[1:]:
        step()
        mark.record()
    torch.cuda.synchronize()
    times = sorted(a.elapsed_time(b) for a, b in itertools.pairwise(marks))
    return {
        "tokens_per_second": round(ROW * steps * 1000 / marks[0].elapsed_time(marks[-1])),
        "step_ms_median": round(times[len(times) // 2], 1),
        "step_ms_range": [round(times[0], 1), round(times[-1], 1)],
        "warm_up_s": round(warm, 1),
        "memory_gib": round(torch.cuda.max_memory_allocated() / 2**30, 1),
    }


def probe() -> float:
    """TFLOP/s of a bfloat16 matrix product."""
    a, b = (torch.randn(PROBE, PROBE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(10):
        a @ b
    end.record()
    torch.cuda.synchronize()
    return 10 * 2 * PROBE**3 / start.elapsed_time(end) / 1e9


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--arms", default="ours,compiled,peft")
    options = parser.parse_args()
    known: dict[str, Callable[[], Callable[[], None]]] = {
        "ours": lambda: ours(options.layers),
        "compiled": lambda: ours(options.layers, compile=True),
        "checkpointed": lambda: ours(options.layers, gradient_checkpointing=True),
        "peft": lambda: peft(options.layers),
    }
    parameters = sum(p.numel() for p in meta(options.layers).parameters())
    results: dict[str, Any] = {"gpu": torch.cuda.get_device_name(), "probe_tflops": round(probe())}
    for arm in options.arms.split(","):
        found = measure(known[arm], options.steps)
        share = found["tokens_per_second"] * 4 * parameters / 1e12 / results["probe_tflops"]
        results[arm] = {**found, "share_of_probe": round(share, 3)}
        print(arm, results[arm], flush=True)
        torch._dynamo.reset()
        torch.cuda.empty_cache()
    report("training on one GPU", {"layers": options.layers, "parameters": parameters, **results})


def meta(layers: int) -> Any:
    """The shape without memory."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config(layers))


if __name__ == "__main__":
    main()
