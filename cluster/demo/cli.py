"""`openbook demo`: documents to a measured, cited answer on one machine."""

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.demo import stages
from cluster.demo.processes import Commands
from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from cluster.runtime import ray_cpus
from cluster.session import Session


def demo(
    json_output: JsonFlag = False, config: ConfigFlag = None, overrides: SetFlag = None
) -> None:
    """Run the whole loop on a shipped corpus: ingest, synthesise, train twice, serve, compare, ask.

    No GPU and no network. What is unchanged since an earlier run is reused.
    """
    with open_session(json_output, config, overrides) as session:
        options = ["--config", str(config)] if config else []
        options += [part for item in overrides or [] for part in ("--set", item)]
        session.console.result(run_demo(session, options))


def run_demo(session: Session, options: Sequence[str]) -> dict[str, Any]:
    """All stages over one Ray and one embedded Milvus; returns each stage's result."""
    start = time.monotonic()
    commands = Commands.beside(session, options)
    results: dict[str, Any] = {}
    for stage in stages.build_stages(ray_cpus()):
        results[" ".join(stage.arguments[:1]) + _suffix(stage)] = _run(session, commands, stage)
    _announce(session, "Serve with Ray Serve", stages.serve_arguments())
    with commands.serving(stages.serve_arguments()) as url:
        session.console.line(f"  ready at {url}/v1")
        results["compare"] = _run(session, commands, stages.compare_stage(url))
        _announce(session, "Ask", stages.ask_arguments(url))
        if not session.console.json_output:
            commands.show(stages.ask_arguments(url))
    results["seconds"] = round(time.monotonic() - start, 1)
    session.console.line(f"\nDone in {results['seconds']:.0f} s. Serve it again with:")
    session.console.line(
        f"  openbook {shlex.join(stages.serve_arguments()).replace('--port 0 ', '')}"
    )
    return results


def _run(session: Session, commands: Commands, stage: stages.Stage) -> Mapping[str, Any]:
    _announce(session, stage.title, stage.arguments)
    start = time.monotonic()
    result = commands.run(stage.arguments)
    session.console.line(f"  {stage.tell(result)}  ({time.monotonic() - start:.0f} s)")
    return result


def _announce(session: Session, title: str, arguments: tuple[str, ...]) -> None:
    shown = shlex.join(_short(argument) for argument in arguments)
    session.console.line(f"\n== {title}\n$ openbook {shown}")


def _short(argument: str) -> str:
    """Paths below the working directory as a person would type them."""
    path = Path(argument)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return argument


def _suffix(stage: stages.Stage) -> str:
    mode = dict(zip(stage.arguments, stage.arguments[1:], strict=False)).get("--mode")
    return f" {mode}" if mode else ""
