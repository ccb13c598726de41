"""A LoRA adapter made elsewhere -> a version in the registry, after the same preflight as our own."""

import json
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.artifacts import file_hash
from cluster.errors import GateError, InputError
from cluster.keys import safe_name
from cluster.lora import largest_rank, unserved_options
from cluster.models import base_model_path, model_id
from cluster.prompts import PROMPT_HASH
from cluster.records import AdapterManifest, AdapterRef
from cluster.session import Session
from train.export import CONFIG, WEIGHTS, adapter_version
from train.preflight import check_effect, check_files, read_config

_PICKLED = "adapter_model.bin"
_MODE = "imported"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A folder as peft saves one. `assume_base`: it is for our base model, whatever it calls that.

    `openbook_prompts`: it was trained on a set that Openbook exported, so it is asked in that form.
    """

    folder: Path
    name: str
    assume_base: bool = False
    openbook_prompts: bool = False


def import_adapter(session: Session, foreign: Foreign) -> AdapterRef:
    """Check and register; the same files are the same version.

    Raises InputError when there is no such folder, GateError when it cannot be served on the base model.
    """
    safe_name("adapter", foreign.name)
    if not foreign.folder.is_dir():
        raise InputError(
            f"{str(foreign.folder)!r} is no folder; give one with {CONFIG} and {WEIGHTS}"
        )
    base = model_id(session.settings.models.base)
    check_servable(foreign.folder, session.settings.serve.engine.max_rank)
    check_adapter(session, foreign.folder, foreign.assume_base)
    config = read_config(foreign.folder)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        clean = {**config, "base_model_name_or_path": base, "inference_mode": True}
        (folder / CONFIG).write_text(json.dumps(clean, indent=2, sort_keys=True), "utf-8")
        (folder / WEIGHTS).write_bytes((foreign.folder / WEIGHTS).read_bytes())
        ref = AdapterRef(foreign.name, adapter_version(folder))
        session.adapters.publish(folder, _manifest(foreign, ref, base, config))
    return ref


def check_servable(folder: Path, max_rank: int) -> None:
    """GateError for options, ranks and files that no engine of ours serves."""
    if not (folder / WEIGHTS).is_file() and (folder / _PICKLED).is_file():
        raise GateError(
            f"adapter folder {folder.name!r} has {_PICKLED}, a pickle that can run code when it is read; "
            f"save it as {WEIGHTS} (peft: save_pretrained(..., safe_serialization=True))"
        )
    config = read_config(folder)
    if used := unserved_options(config):
        raise GateError(
            f"adapter {folder.name!r} uses {', '.join(used)}, which is not served; train it without, or "
            "merge it into its base model and serve that (models.base)"
        )
    if (rank := largest_rank(config)) > max_rank:
        raise GateError(
            f"adapter {folder.name!r} has rank {rank}, serving takes at most {max_rank}; raise "
            "serve.engine.max_rank or train it with a smaller rank"
        )


def check_adapter(session: Session, folder: Path, assume_base: bool = False) -> float:
    """Preflight on the base model of the settings; returns how much it moves the golden logits."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    models = session.settings.models
    path = base_model_path(session.settings)
    check_files(folder, None if assume_base else model_id(models.base), path)
    base = AutoModelForCausalLM.from_pretrained(path)
    return check_effect(base, AutoTokenizer.from_pretrained(path), folder)


def _manifest(
    foreign: Foreign, ref: AdapterRef, base: str, config: dict[str, Any]
) -> AdapterManifest:
    targets = config.get("target_modules") or []
    return AdapterManifest(
        name=ref.name,
        version=ref.version,
        base_model=base,
        mode=_MODE,
        method="lora",
        rank=int(config["r"]),
        target_modules=(targets,) if isinstance(targets, str) else tuple(sorted(targets)),
        prompt_hash=PROMPT_HASH if foreign.openbook_prompts else "",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files={},
        lineage={
            "folder": foreign.folder.resolve().name,
            "base_model": config.get("base_model_name_or_path"),
            "sha256": {name: file_hash(foreign.folder / name) for name in (CONFIG, WEIGHTS)},
        },
    )
