"""`openbook adapters`: list, show, check, promote and roll back versions in the registry."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.adapters import PROD
from cluster.errors import GateError, UsageError
from cluster.models import base_model_path, model_id
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.prompts import PROMPT_HASH
from cluster.records import AdapterManifest, as_json
from cluster.session import Session
from train.preflight import check_effect, check_files

adapters = typer.Typer(help="The registry of adapters.", no_args_is_help=True)

Spec = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="An adapter version or alias.")]


@adapters.command("list")
def list_adapters(
    json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """All versions of all adapters, newest first."""
    with open_session(json_output, config, overrides) as session:
        rows = [row for name in session.adapters.names() for row in _rows(session, name)]
        columns = ("name", "version", "aliases", "base_model", "mode", "created")
        cells = [[_cell(row[column]) for column in columns] for row in rows]
        session.console.table("Adapters", columns, cells)
        session.console.result({"adapters": rows})


@adapters.command("show")
def show(
    spec: Spec, json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """What a version is, where it came from and how it did."""
    with open_session(json_output, config, overrides) as session:
        ref = session.adapters.resolve(spec)
        manifest = as_json(session.adapters.manifest(ref))
        shown = {**manifest, "aliases": _aliases(session, ref.name, ref.version)}
        rows = [[key, _cell(value)] for key, value in shown.items() if key != "files"]
        session.console.table(str(ref), ("field", "value"), rows)
        session.console.result(shown)


@adapters.command("check")
def check(
    target: Annotated[
        str, typer.Argument(metavar="FOLDER | NAME[@VERSION]", help="What to check.")
    ],
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Preflight: loads on the base model, right shapes and ranks, changes the output (exit 3 if not)."""
    with open_session(json_output, config, overrides) as session:
        change = check_adapter(session, target)
        session.console.line(
            f"{target}: ok, moves the logits of a golden prompt by up to {change:.3g}"
        )
        session.console.result({"checked": target, "ok": True, "change": change})


@adapters.command("promote")
def promote(
    spec: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="What goes live.")],
    alias: Annotated[str, typer.Option(help="Which alias to move.")] = PROD,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Point an alias at a version; serving follows within seconds."""
    if "@" not in spec:
        raise UsageError(f"promote {spec!r} does not say which version; use NAME@VERSION")
    with open_session(json_output, config, overrides) as session:
        ref = session.adapters.resolve(spec)
        replaced = session.adapters.promote(ref.name, ref.version, alias)
        session.console.line(f"{ref.name}@{alias} -> {ref.version} (before: {replaced or 'none'})")
        session.console.result(
            {"name": ref.name, "alias": alias, "version": ref.version, "replaced": replaced}
        )


@adapters.command("rollback")
def rollback(
    name: Annotated[str, typer.Argument(help="Name of the adapter.")],
    alias: Annotated[str, typer.Option(help="Which alias to move.")] = PROD,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Point an alias back at the version it had before."""
    with open_session(json_output, config, overrides) as session:
        version = session.adapters.rollback(name, alias)
        session.console.line(f"{name}@{alias} -> {version}")
        session.console.result({"name": name, "alias": alias, "version": version})


def check_adapter(session: Session, target: str) -> float:
    """Preflight of a folder or of a registered version; returns how much it moves the golden logits."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    models = session.settings.models
    folder = Path(target)
    if not folder.is_dir():
        ref = session.adapters.resolve(target)
        _check_prompts(session.adapters.manifest(ref))
        folder = session.adapters.fetch(ref, session.cache / "adapters")
    path = base_model_path(models, session.settings.home)
    check_files(folder, model_id(models.base), path)
    base = AutoModelForCausalLM.from_pretrained(path)
    return check_effect(base, AutoTokenizer.from_pretrained(path), folder)


def _check_prompts(manifest: AdapterManifest) -> None:
    if not manifest.plain and manifest.prompt_hash != PROMPT_HASH:
        raise GateError(
            f"adapter {manifest.name}@{manifest.version} was trained with prompts "
            f"{manifest.prompt_hash}, this Openbook has {PROMPT_HASH}; train it again"
        )


def _rows(session: Session, name: str) -> list[dict[str, Any]]:
    keys = ("name", "version", "base_model", "mode", "method", "rank", "created", "metrics")
    return [
        {
            **{key: value for key, value in as_json(manifest).items() if key in keys},
            "aliases": _aliases(session, name, manifest.version),
        }
        for manifest in session.adapters.versions(name)
    ]


def _aliases(session: Session, name: str, version: str) -> list[str]:
    return sorted(a for a, target in session.adapters.aliases(name).items() if target == version)


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
