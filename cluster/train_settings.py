"""The settings of training runs. Part of one tree."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from cluster.sections import Fraction, Section

Method = Literal["lora", "qlora", "dora", "full"]
# peaks that are sound for a start: all weights move further on the same rate than a small adapter
_LEARNING_RATE: Mapping[Method, float] = {"lora": 1e-3, "qlora": 1e-3, "dora": 1e-3, "full": 5e-5}


class TrainSettings(Section):
    """Ray Train. `batch_size` is the global batch in examples, whatever the number of workers.

    `method` says what is trained: an adapter (lora; qlora: on a base of 4 bits), or weights that make a
    model of its own (dora, full). Without `learning_rate` the peak is 1e-3, 5e-5 for full. `packing` lays the
    texts of a micro-batch one after the other, each blind to the others; without it every text is a
    micro-batch, for models whose attention does more than look back. Of `full` each of several workers keeps
    a part of every weight and its moments (FSDP2); each reads the whole model into its host's memory first.

    With `min_workers` training begins with as many workers between the two as there is room for, and grows
    or shrinks with the cluster; batches stay as they are. `accelerator_type` (such as H100) and
    `node_labels` say where workers may run. `gradient_checkpointing` trades a third of the speed for most
    of the memory of activations; `compile` fuses the layers (torch.compile), which takes a minute first.
    A run ends after `epochs`, or after `max_steps` if that is sooner.
    With `lora_layers` an adapter changes the last so many layers only: those before them keep nothing for a
    backward pass that ends there, which saves time and memory.
    Without `cpus_per_worker` a worker takes one CPU beside its GPU, else an equal part of all CPUs.
    `validation_examples` bounds how many are looked at every `eval_steps`, or after an epoch; `keep` says
    whether the last weights become the adapter or those with the lowest validation loss. With
    `early_stopping_patience` training ends after so many evaluations without a loss lower by
    `early_stopping_delta`. `tensorboard` adds its event files to the curve of a run.
    `guard` is a file of multiple-choice questions that have nothing to do with the training: how many fewer
    of `guard_questions` of them the model gets right afterwards is told, and kept in the manifest.
    """

    num_workers: int = Field(1, ge=1)
    min_workers: int | None = Field(None, ge=1)
    accelerator_type: str = ""
    node_labels: dict[str, str] = Field(default_factory=dict)
    cpus_per_worker: int | None = Field(None, ge=1)
    use_gpu: bool = False
    method: Method = "lora"
    epochs: int = Field(2, ge=1)
    max_steps: int | None = Field(None, ge=1)
    batch_size: int = Field(8, ge=1)
    micro_batch_tokens: int = Field(2048, ge=64)
    packing: bool = True
    gradient_checkpointing: bool = False
    compile: bool = False
    max_tokens: int = Field(1024, ge=64)
    learning_rate: float | None = Field(None, gt=0)
    warmup_fraction: Fraction = 0.05
    weight_decay: float = Field(0.0, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    lora_rank: int = Field(16, ge=1, le=512)
    lora_alpha: int = Field(32, ge=1)
    lora_dropout: Fraction = 0.0
    lora_layers: int | None = Field(None, ge=1)
    lora_targets: tuple[str, ...] = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    validation_examples: int = Field(64, ge=0)
    eval_steps: int | None = Field(None, ge=1)
    keep: Literal["last", "best"] = "last"
    early_stopping_patience: int | None = Field(None, ge=1)
    early_stopping_delta: float = Field(0.0, ge=0)
    tensorboard: bool = False
    guard: str = ""
    guard_questions: int = Field(200, ge=1)
    checkpoint_steps: int = Field(20, ge=1)
    max_failures: int = Field(2, ge=0)
    seed: int = 0

    @property
    def peak_learning_rate(self) -> float:
        """`learning_rate`, or what is sound for the method."""
        return self.learning_rate or _LEARNING_RATE[self.method]

    @model_validator(mode="after")
    def _check_workers(self) -> Self:
        if self.min_workers is not None and self.min_workers > self.num_workers:
            raise ValueError(
                f"min_workers={self.min_workers} is more than num_workers={self.num_workers}"
            )
        return self
