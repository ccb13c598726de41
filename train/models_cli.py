"""`openbook models`: the whole models that training made."""

import typer

from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.records import as_json

models = typer.Typer(help="Models that training made.", no_args_is_help=True)


@models.callback()
def group() -> None:
    """Models that training made; serve one with models.base=store:NAME@VERSION."""


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
