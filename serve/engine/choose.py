"""Settings -> engine. Engines are named as strings, so that only the chosen one is imported."""

import importlib

from cluster.settings import Settings
from serve.engine.protocol import Engine

# kind -> module with `open_engine(settings)`
ENGINES = {"builtin": "serve.engine.builtin"}
_AUTO = "builtin"


def open_engine(settings: Settings) -> Engine:
    """The engine of `serve.engine.kind`, not started."""
    kind = settings.serve.engine.kind
    module = importlib.import_module(ENGINES[_AUTO if kind == "auto" else kind])
    engine: Engine = module.open_engine(settings)
    return engine
