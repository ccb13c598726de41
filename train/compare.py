"""The five arms side by side, over HTTP, on the held-out questions of a set.

    set -> questions ─┐
    arms -> pinned ───┴─ interview (journal) -> rows -> summaries + paired statistics -> verdict
                                                          -> reports/{report}/ in the object store

The server is seen only as a user sees it. An interrupted comparison continues; one with nothing
changed asks nothing and ends in the same report.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.console import Console
from cluster.errors import UsageError
from cluster.keys import seed_of
from cluster.models import model_id
from cluster.session import Session
from cluster.settings import Settings
from train.arms import BASE, Arm, plan_arms
from train.client import ChatClient, server_url
from train.comparison import Comparison
from train.interview import Interview, Outcome
from train.journal import Journal
from train.report import Report, publish_report
from train.scene import Scene, pin_arms
from train.scorecard import Row, score_row, summarise, values_by_arm
from train.statistics import mean_intervals, paired_differences
from train.subject import Subject, load_subject
from train.verdict import verdict

_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


@dataclass(frozen=True, slots=True)
class CompareRequest:
    """What to compare; the rest is `settings.compare`.

    Adapters are `name`, `name@version` or `name@alias`; None means `{dataset}-dsf` and
    `{dataset}-raft`. `fresh` forgets the answers of earlier runs.
    """

    dataset: str
    dsf: str | None = None
    raft: str | None = None
    fresh: bool = False


def compare_arms(session: Session, request: CompareRequest) -> tuple[Comparison, Report]:
    """Ask, score, compare, publish.

    Raises NotFoundError, UnavailableError or ConflictError before the first question, GateError
    when an arm failed on too many.
    """
    settings = session.settings.compare
    subject = load_subject(session.datasets, request.dataset, settings)
    dsf = request.dsf or f"{subject.dataset}-dsf"
    raft = request.raft or f"{subject.dataset}-raft"
    arms = plan_arms(settings.arms, dsf, raft)
    scene = _scene(session, subject, arms)
    path = session.cache / "compare" / f"{subject.dataset}-{subject.version}.jsonl"
    if request.fresh:
        path.unlink(missing_ok=True)
    asked = asyncio.run(_ask_all(session.console, subject, scene, arms, Journal(path)))
    comparison = compare_outcomes(subject, *asked)
    return comparison, publish_report(session.store, session.cache, comparison)


def compare_outcomes(
    subject: Subject, scene: Scene, arms: Sequence[Arm], outcomes: Sequence[Outcome]
) -> Comparison:
    """Score and compare what came back. Pure; outcomes by question, then arm."""
    open_book = {arm.name for arm in arms if arm.rag}
    yardstick = subject.yardstick
    rows = [score_row(outcome, outcome.arm in open_book, yardstick) for outcome in outcomes]
    values_NA = values_by_arm(rows, arms)
    resamples, seed = scene.settings.bootstrap, seed_of(subject.version, scene.settings.seed)
    means = mean_intervals(values_NA, resamples, seed)
    summaries = [
        summarise(_of(rows, arm), arm, yardstick.metric, interval)
        for arm, interval in zip(arms, means, strict=True)
    ]
    pairs = paired_differences([arm.name for arm in arms], values_NA, resamples, seed)
    return Comparison(
        subject=subject,
        scene=scene,
        rows=rows,
        arms=summaries,
        pairs=pairs,
        verdict=verdict(summaries, pairs, scene.settings.documents == "oracle"),
        reused=sum(outcome.reused for outcome in outcomes),
    )


def served_at(settings: Settings) -> str:
    """Address of the server to ask: `compare.url`, else where `openbook serve` listens."""
    host = _ANY_HOST.get(settings.serve.host, settings.serve.host)
    return server_url(settings.compare.url or f"http://{host}:{settings.serve.port}")


def _scene(session: Session, subject: Subject, arms: Sequence[Arm]) -> Scene:
    settings = session.settings
    generation = None
    if any(arm.rag for arm in arms):
        if subject.corpus is None:
            raise UsageError(
                f"dataset {subject.dataset!r} names no corpus in its manifest, so arms with "
                "documents have nothing to search; leave them out of --arms"
            )
        generation = session.corpora.live(subject.corpus).generation
    return Scene(
        url=served_at(settings),
        corpus=subject.corpus,
        generation=generation,
        top_k=settings.retrieval.top_k,
        base_model=model_id(settings.models.base),
        settings=settings.compare,
    )


async def _ask_all(
    console: Console, subject: Subject, scene: Scene, arms: Sequence[Arm], journal: Journal
) -> tuple[Scene, Sequence[Arm], list[Outcome]]:
    """The scene with what the server says of its base model, the pinned arms, and the outcomes."""
    async with ChatClient(scene.settings, scene.url) as client:
        offered = await client.models()
        base_model = offered.get(BASE, {}).get("root") or scene.base_model
        scene = replace(scene, base_model=base_model)
        pinned = await pin_arms(client, scene, arms, offered)
        total = len(pinned) * len(subject.examples)
        with console.progress("comparing", total, "answers") as progress:
            interview = Interview(client, journal, scene)
            return scene, pinned, await interview.run(pinned, subject.examples, progress)


def _of(rows: Sequence[Row], arm: Arm) -> list[Row]:
    return [row for row in rows if row.arm == arm.name]
