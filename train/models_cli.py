"""`openbook models`: those that training made, and those that everything begins with."""

import typer

from cluster.models import base_model_path, embedder_path
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.records import as_json

models = typer.Typer(help="Base models and those that training made.", no_args_is_help=True)


@models.callback()
def group() -> None:
    """Base models and those that training made; serve one of these with models.base=store:NAME@VERSION."""


@models.command("list")
def list_models(
    json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """All versions of all models, newest first."""
    with open_session(json_output, config, overrides) as session:
        trained = session.trained_models
        found = [manifest for name in trained.names() for manifest in trained.versions(name)]
        columns = ("models.base", "base_model", "mode", "method", "created")
        cells = [[m.setting, m.base_model, m.mode, m.method, m.created] for m in found]
        session.console.table("Models", columns, cells)
        rows = [{**as_json(manifest), "setting": manifest.setting} for manifest in found]
        session.console.result({"models": rows})


@models.command("prepare")
def prepare_models(
    json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """Convert the base model now (a packaged GGUF), or bring it here from the store, not at first use."""
    with open_session(json_output, config, overrides) as session:
        settings = session.settings
        found = {"base": base_model_path(settings), "embedder": embedder_path(settings.models)}
        for name, place in found.items():
            session.console.line(f"{name}: {place}")
        session.console.result(found)
