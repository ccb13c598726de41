"""The command line: `openbook VERB`. Verbs are strings here and load when they are used.

So `openbook --help` is instant, and `cluster` names the other packages without importing them. The
border where our errors become messages and exit codes.
"""

import importlib
import signal
import sys
from typing import Any

import click
import typer
from typer.core import TyperGroup

from cluster.console import print_error
from cluster.environment import set_environment
from cluster.errors import OpenbookError

# click's UsageError, of whichever copy of click typer carries
_WrongUsage: Any = typer.BadParameter.__mro__[1]

# verb -> (module:object, one line of help); in the order of the pipeline
VERBS: dict[str, tuple[str, str]] = {
    "doctor": ("cluster.doctor_cli:doctor", "Check Ray, object store, Milvus and models."),
    "config": ("cluster.config_cli:config", "Print the resolved settings and their sources."),
    "ingest": ("data_prep.ingest_cli:ingest", "Documents -> a searchable corpus."),
    "search": ("cluster.search_cli:search", "What the retriever returns, with scores."),
    "corpus": ("data_prep.corpus_cli:corpus", "The documents and generations of a corpus."),
    "synth": ("data_prep.synth_cli:synth", "Questions + corpus -> RAFT and DSF training sets."),
    "dataset": ("data_prep.dataset_cli:dataset", "List, show, export or import training sets."),
    "train": ("train.cli:train", "Training set -> a new adapter version, with Ray Train."),
    "sweep": ("train.sweep_cli:sweep_verb", "Train over a grid of settings; one table."),
    "adapters": (
        "train.adapters_cli:adapters",
        "List, check, import, promote and roll back adapters.",
    ),
    "models": ("train.models_cli:models", "Prepare the base model, list those that training made."),
    "serve": ("serve.cli:serve", "Serve retrieval and adapters behind an OpenAI-compatible API."),
    "ask": ("serve.ask_cli:ask", "A streamed, cited answer in the terminal."),
    "compare": ("train.compare_cli:compare", "Base, RAG, DSF, DSF+RAG and RAFT side by side."),
    "demo": ("cluster.demo.cli:demo", "All of the above on a shipped corpus, on a laptop."),
}


class LazyVerb(click.Command):
    """A name and a line of help; becomes the real command when it is called."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        return load_verb(str(self.name)).make_context(info_name, args, parent, **extra)


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return LazyVerb(cmd_name, help=VERBS[cmd_name][1]) if cmd_name in VERBS else None


def load_verb(name: str) -> Any:
    """The click command behind a verb."""
    module, _, attribute = VERBS[name][0].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        group = typer.main.get_command(found)
        group.name = name
        return group
    single = typer.Typer(add_completion=False)
    single.command(name)(found)
    return typer.main.get_command(single)


app = typer.Typer(
    name="openbook",
    cls=LazyGroup,
    help="RAG, fine-tuning and RAFT on Ray: build, train, serve and measure an open-book model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def openbook() -> None:
    """RAG, fine-tuning and RAFT on Ray: build, train, serve and measure an open-book model."""


def main() -> None:
    """Entry point of the console script. SIGTERM unwinds like an exit, so what was started is stopped."""
    set_environment()
    results = sys.stdout if "--json" in sys.argv else None
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        # without --json typer shows wrong usage itself, with the usage line
        code = app(standalone_mode=results is None)
    except OpenbookError as error:
        print_error(type(error).__name__, str(error), results)
        sys.exit(error.exit_code)
    except _WrongUsage as error:
        print_error("UsageError", error.format_message(), results)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        print_error("OSError", _told(error), results)
        sys.exit(1)
    except Exception as error:  # the traceback follows; a script gets its document whatever happens
        if results is not None:
            print_error(type(error).__name__, str(error), results)
        raise
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: OSError) -> str:
    """What the system refused, and where."""
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}{error.strerror or error}; check that the folders of `home` and TMPDIR can be written and "
        "the disk is not full, then run the same command again"
    )
