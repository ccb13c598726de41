"""`openbook adapters`: list, show, check, import, promote and roll back versions in the registry."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cluster.adapters import PROD
from cluster.errors import GateError, UsageError
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.prompts import PROMPT_HASH
from cluster.records import AdapterManifest, as_json
from cluster.session import Session
from train.foreign import Foreign, check_adapter, check_servable, import_adapter

adapters = typer.Typer(help="The registry of adapters.", no_args_is_help=True)

AssumeBase = Annotated[
    bool,
    typer.Option(
        "--assume-base", help="It is for models.base, whatever its configuration calls it."
    ),
]
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
    assume_base: AssumeBase = False,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Preflight: loads on the base model, right shapes and ranks, changes the output (exit 3 if not)."""
    with open_session(json_output, config, overrides) as session:
        change = check_target(session, target, assume_base)
        session.console.line(
            f"{target}: ok, moves the logits of a golden prompt by up to {change:.3g}"
        )
        session.console.result({"checked": target, "ok": True, "change": change})


@adapters.command("import")
def import_folder(
    folder: Annotated[Path, typer.Argument(help="A LoRA adapter as peft saves it.")],
    name: Annotated[str, typer.Option(help="Name under which it is registered.")],
    assume_base: AssumeBase = False,
    openbook_prompts: Annotated[
        bool,
        typer.Option("--openbook-prompts", help="It was trained on a set that Openbook exported."),
    ] = False,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Register an adapter made elsewhere, after the same checks as our own (exit 3 when one fails)."""
    with open_session(json_output, config, overrides) as session:
        ref = import_adapter(session, Foreign(folder, name, assume_base, openbook_prompts))
        session.console.line(f"registered {ref}")
        session.console.result({"adapter": ref.name, "version": ref.version})


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


def check_target(session: Session, target: str, assume_base: bool = False) -> float:
    """Preflight of a folder or of a registered version; returns how much it moves the golden logits."""
    folder = Path(target)
    if not folder.is_dir():
        ref = session.adapters.resolve(target)
        _check_prompts(session.adapters.manifest(ref))
        folder = session.adapters.fetch(ref, session.cache / "adapters")
    check_servable(folder, session.settings.serve.engine.max_rank)
    return check_adapter(session, folder, assume_base)


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
