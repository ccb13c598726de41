"""What a method of training needs, and what comes out of it."""

from importlib.util import find_spec

from cluster.errors import SettingsError
from cluster.settings import TrainSettings


def check_method(settings: TrainSettings) -> None:
    """SettingsError when the method cannot run with these settings or packages."""
    if settings.method != "qlora":
        return
    if not settings.use_gpu:
        raise SettingsError(
            "train.method=qlora keeps the base model in 4 bits, which is computed on GPUs only; add "
            "--gpu (train.use_gpu=true), or use --method lora"
        )
    if find_spec("bitsandbytes") is None:
        raise SettingsError(
            "train.method=qlora needs the package bitsandbytes: pip install 'openbook[gpu]', or use "
            "--method lora"
        )


def makes_adapter(settings: TrainSettings) -> bool:
    """Whether the result is an adapter; else it is a model of its own."""
    return settings.method in ("lora", "qlora")


def freezes_base(settings: TrainSettings) -> bool:
    """Whether only an adapter is trained, whatever becomes of it."""
    return settings.method != "full"
