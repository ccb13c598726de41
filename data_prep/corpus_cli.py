"""`openbook corpus`: what is in a corpus, which generation is live, and going back."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import chain
from typing import Annotated, Any

import typer

from cluster.errors import UsageError
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from data_prep.corpus.ingest import corpus_lease
from data_prep.corpus.ingest import retry as run_retry
from data_prep.corpus.retention import Retention
from data_prep.corpus.rollback import delete_corpus
from data_prep.corpus.rollback import rollback as run_rollback
from data_prep.corpus_sources_cli import CorpusName, sources
from data_prep.corpus_status_cli import status
from data_prep.ingest_cli import show_report

corpus = typer.Typer(no_args_is_help=True, help="The documents and generations of a corpus.")
corpus.add_typer(sources, name="sources")
corpus.command()(status)
GenerationName = Annotated[
    str, typer.Argument(metavar="GENERATION", help="As `corpus generations` lists it.")
]


@corpus.command("list")
def list_corpora(
    json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """Every corpus with its live generation."""
    with open_session(json_output, config, overrides) as session:
        found = [asdict(session.corpora.live(name)) for name in session.corpora.names()]
        columns = ("corpus", "documents", "chunks", "generation", "embedder", "created")
        rows = [[str(entry[column]) for column in columns] for entry in found]
        session.console.table("Corpora", columns, rows)
        if not found:
            session.console.line("none yet; make one with `openbook ingest SOURCE --corpus NAME`")
        session.console.result({"corpora": found})


@corpus.command()
def retry(
    name: CorpusName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Try the failed documents again, from where they came; nothing else is touched."""
    with open_session(json_output, config, overrides) as session:
        show_report(session.console, run_retry(session, name))


@corpus.command()
def generations(
    name: CorpusName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Complete builds of the corpus, newest first."""
    with open_session(json_output, config, overrides) as session:
        live = session.corpora.live(name).generation
        retention = Retention(session, name)
        pinned, users = retention.pinned(), retention.users()
        found = [
            {
                **asdict(g),
                "live": g.generation == live,
                "pinned": g.generation in pinned,
                "datasets": users.get(g.generation, []),
            }
            for g in session.corpora.generations(name)
        ]
        columns = ("generation", "state", "documents", "chunks", "created", "embedder", "chunker")
        rows = [[_cell(g, column) for column in columns] for g in found]
        session.console.table(f"Generations of {name}", columns, rows)
        session.console.result({"corpus": name, "live": live, "generations": found})


@corpus.command()
def rollback(
    name: CorpusName,
    generation: Annotated[
        str | None, typer.Argument(help="By default the one that was live before.")
    ] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Make an earlier generation live again; vectors that are gone are embedded again."""
    with open_session(json_output, config, overrides) as session:
        report = run_rollback(session, name, generation)
        chunks = report["chunks"]
        session.console.line(
            f"{name}: generation {report['generation']} is live ({report['before']} was before): "
            f"{report['documents']} documents, {chunks['total']} chunks, {chunks['written']} embedded "
            f"again, {report['seconds']} s"
        )
        session.console.result(report)


@corpus.command()
def pin(
    name: CorpusName,
    generation: GenerationName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Keep a generation whatever `ingest.keep_generations` says."""
    with open_session(json_output, config, overrides) as session:
        Retention(session, name).pin(generation)
        session.console.line(f"{name}: generation {generation} is pinned")
        session.console.result({"corpus": name, "generation": generation, "pinned": True})


@corpus.command()
def unpin(
    name: CorpusName,
    generation: GenerationName,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Let a generation go when its time comes."""
    with open_session(json_output, config, overrides) as session:
        Retention(session, name).unpin(generation)
        session.console.line(f"{name}: generation {generation} is not pinned")
        session.console.result({"corpus": name, "generation": generation, "pinned": False})


@corpus.command()
def gc(
    name: CorpusName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Remove generations beyond `ingest.keep_generations`; never a live, pinned or used one."""
    with open_session(json_output, config, overrides) as session:
        session.corpora.live(name)
        retention = Retention(session, name)
        if dry_run:
            sweep = retention.plan()
        else:
            with corpus_lease(session, name, "removal of generations"):
                sweep = retention.collect()
        for generation, reasons in sweep.kept.items():
            session.console.line(f"kept     {generation}  {', '.join(reasons)}")
        for gone in (*sweep.removed, *sweep.collections):
            session.console.line(f"{'would go' if dry_run else 'removed '} {gone}")
        session.console.result({"corpus": name, "dry_run": dry_run, **asdict(sweep)})


@corpus.command()
def delete(
    name: CorpusName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """Remove a corpus: all generations, ledgers and collections."""
    with open_session(json_output, config, overrides) as session:
        sets = sorted(chain.from_iterable(Retention(session, name).users().values()))
        if not yes:
            if json_output:
                raise UsageError(f"deleting corpus {name!r} with --json needs --yes")
            made = f" Training sets made from it stay: {', '.join(sets)}." if sets else ""
            typer.confirm(f"Delete corpus {name!r} with all its generations?{made}", abort=True)
        collections = delete_corpus(session, name)
        session.console.line(f"{name} is deleted, with {len(collections)} collections")
        session.console.result({"corpus": name, "collections": collections, "datasets": sets})


def _cell(generation: Mapping[str, Any], column: str) -> str:
    if column == "state":
        marks = {"live": "live", "pinned": "pinned", "datasets": "used"}
        return ", ".join(mark for key, mark in marks.items() if generation[key])
    if column == "chunker":
        chunker = generation["chunker"]
        return f"{chunker.get('tokens', '?')} tokens, overlap {chunker.get('overlap', '?')}"
    return str(generation[column])
