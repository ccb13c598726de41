"""What each method teaches on a real set: python -m tests.bench.teaching SET_FOLDER [options]

A folder has `corpus.jsonl`, or documents in `corpus`, and `qa.jsonl` (the README says what their lines
hold). For every seed: a set of its own, a DSF and a RAFT adapter that learn from the same number of tokens,
and the arms on the same test questions; the two arms without training are asked once. Every stage is a
command that a user could type, so a run that was cut short goes on where it was, and all answers are in the
reports below `--home`.

With `--oracle` the arms that see documents also answer with the right ones in front of them, not only with
what was retrieved: what reading alone can do.

With `--trained NAME` nothing is trained: the adapters of that earlier set (same `--home`) answer this one.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from cluster.console import Console
from cluster.demo.processes import Commands
from cluster.runtime import ray_cpus
from cluster.session import Session
from cluster.settings import Settings
from tests.bench.measure import report
from train.statistics import paired_differences

UNTRAINED, TRAINED = ("base", "rag"), ("dsf", "dsf+rag", "raft")
READING = ("rag", "dsf+rag", "raft")
RELATIONS = (("raft", "dsf+rag"), ("raft", "rag"), ("raft", "dsf"), ("dsf+rag", "rag"))
RESAMPLES = 2000
SHOWN = (
    "citation_precision", "citation_recall", "citation_rate", "retrieval_recall", "abstention_rate",
    "truncation_rate", "latency_p50_s", "latency_p95_s", "tokens_in", "tokens_out",
)  # fmt: skip
Result = dict[str, Any]


def learn(commands: Commands, arguments: Sequence[str], tokens: int) -> Result:
    """`openbook train` for as many steps as make about so many tokens."""
    fixed = [
        "train", *arguments, "--workers", str(min(2, ray_cpus())),
        "--set", "train.validation_examples=0", "--set", "train.guard_questions=100",
    ]  # fmt: skip
    once = commands.run([*fixed, "--epochs", "1", "--dry-run"])
    passes = tokens / once["tokens"]
    steps = max(1, round(passes * once["steps"]))
    done = commands.run([*fixed, "--epochs", str(math.ceil(passes)), "--max-steps", str(steps)])
    return {
        "adapter": done["registered"], "passes": round(passes, 2), "steps": steps,
        "tokens": done["tokens"], "tokens_per_second": round(done["tokens_per_second"], 1),
        "seconds": round(done["seconds"]), "guard": done.get("guard"),
    }  # fmt: skip


class Lesson:
    """One set under one budget; every method is a stage of it, safe to repeat."""

    def __init__(self, commands: Commands, chosen: argparse.Namespace) -> None:
        self._commands = commands
        self._chosen = chosen
        self._name = chosen.folder.name

    def ingest(self) -> Result:
        """Corpus to vectors."""
        lines, folder = (self._chosen.folder / name for name in ("corpus.jsonl", "corpus"))
        corpus = lines if lines.is_file() else folder
        return self._commands.run(["ingest", str(corpus), "--corpus", self._name])

    def synth(self, seed: int) -> Result:
        """Questions to the set of a seed."""
        chosen = self._chosen
        return self._commands.run([
            "synth", "--corpus", self._name, "--dataset", f"{self._name}-s{seed}",
            "--qa", str(chosen.folder / "qa.jsonl"), "--seed", str(seed),
            "--distractors", str(chosen.distractors),
            "--set", f"raft.max_tokens={chosen.longest}",
        ])  # fmt: skip

    def train(self, mode: str, seed: int) -> Result:
        """One adapter: as many steps as its tokens make of the budget."""
        chosen, name = self._chosen, self._name
        arguments = [
            "--dataset", f"{name}-s{seed}", "--adapter", f"{name}-{mode}-s{seed}", "--mode", mode,
            "--seed", str(seed), "--set", f"train.max_tokens={chosen.longest}",
            "--set", f"train.batch_size={chosen.batch}",
        ]  # fmt: skip
        if chosen.guard:
            arguments += ["--set", f"train.guard={chosen.guard.resolve()}"]
        learned = learn(self._commands, arguments, chosen.tokens)
        return {"mode": mode, "seed": seed, **learned}

    def compare(
        self, url: str, seed: int, arms: Sequence[str], documents: str = "retrieved"
    ) -> Result:
        """The arms of a seed on the test questions."""
        chosen, of = self._chosen, self._chosen.trained or self._name
        return self._commands.run([
            "compare", "--dataset", f"{self._name}-s{seed}", "--url", url, "--arms", ",".join(arms),
            "--dsf", f"{of}-dsf-s{seed}", "--raft", f"{of}-raft-s{seed}",
            "--limit", str(chosen.questions), "--max-tokens", str(chosen.answer_tokens),
            "--documents", documents,
            "--set", f"retrieval.top_k={chosen.top_k}",
        ])  # fmt: skip

    def serving(self) -> Any:
        """The URL of a server of this corpus."""
        top_k = f"retrieval.top_k={self._chosen.top_k}"
        return self._commands.serving(
            ["serve", "--corpus", self._name, "--port", "0", "--set", top_k]
        )


def teach(lesson: Lesson, chosen: argparse.Namespace) -> Result:
    """All stages for all seeds."""
    first, *_ = seeds = chosen.seeds
    lesson.ingest()
    sets = [lesson.synth(seed) for seed in seeds]
    modes = () if chosen.trained else ("dsf", "raft")
    runs = [lesson.train(mode, seed) for seed in seeds for mode in modes]
    with lesson.serving() as url:
        compared = [
            lesson.compare(url, seed, UNTRAINED + TRAINED if seed == first else TRAINED)
            for seed in seeds
        ]
        given = [lesson.compare(url, seed, READING, "oracle") for seed in seeds if chosen.oracle]
    return {
        "examples": sets[0]["examples"],
        "training": runs,
        "questions": compared[0]["n"],
        "metric": compared[0]["metric"],
        "arms": {arm: _over_seeds(compared, arm) for arm in UNTRAINED + TRAINED},
        "oracle given": {arm: _over_seeds(given, arm) for arm in READING if given},
        "raft - dsf+rag": [_difference(result, "raft", "dsf+rag") for result in compared],
        "over all seeds": _over_questions(compared),
        "verdicts": [result["verdict"] for result in compared],
        "errors": [error for result in compared for error in result["errors"]],
    }


def _over_seeds(compared: Sequence[Mapping[str, Any]], arm: str) -> Result:
    """An arm's score of every seed, their mean, the 95 % intervals, and the means of the rest."""
    found = [result["arms"][arm] for result in compared if arm in result["arms"]]
    means = {}
    for name in SHOWN:
        values = [one[name] for one in found if one[name] is not None]
        means[name] = round(statistics.fmean(values), 4) if values else None
    return {
        "mean": round(statistics.fmean(one["value"] for one in found), 4),
        "values": [round(one["value"], 4) for one in found],
        "ci95": [one["ci95"] for one in found],
        **means,
    }


def _over_questions(compared: Sequence[Mapping[str, Any]]) -> Result:
    """Differences of arms, question by question: an arm's value is the mean of its seeds."""
    values: dict[str, dict[str, list[float]]] = {}
    for result in compared:
        answers = Path(result["report"]["html"]).parent / "answers.parquet"
        for row in pq.read_table(answers, columns=["arm", "question_id", "value"]).to_pylist():
            values.setdefault(row["arm"], {}).setdefault(row["question_id"], []).append(
                row["value"]
            )
    asked = sorted(set.intersection(*(set(questions) for questions in values.values())))
    values_QA = np.array(
        [[statistics.fmean(values[arm][name]) for arm in values] for name in asked]
    )
    paired = [
        {"better": pair.better, "worse": pair.worse, "difference": pair.difference.value,
         "ci95": (pair.difference.low, pair.difference.high)}
        for pair in paired_differences(list(values), values_QA, RESAMPLES, seed=0)
    ]  # fmt: skip
    return {f"{a} - {b}": _difference({"paired": paired}, a, b) for a, b in RELATIONS}


def _difference(result: Mapping[str, Any], first: str, second: str) -> Result:
    """Of two arms over the same questions, with its 95 % interval."""
    for pair in result["paired"]:
        if {pair["better"], pair["worse"]} == {first, second}:
            sign = 1 if pair["better"] == first else -1
            ends = sorted(round(sign * end, 4) for end in pair["ci95"])
            return {"difference": round(sign * pair["difference"], 4), "ci95": ends}
    raise KeyError(f"{first} and {second} were not compared")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The budget. The set's own folder names corpus, sets and adapters."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.teaching")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--home", type=Path, default=Path(".openbook/teaching"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tokens", type=int, default=100_000, help="that each adapter learns from")
    parser.add_argument("--batch", type=int, default=4, help="examples of a step")
    parser.add_argument("--questions", type=int, default=100, help="of the test split")
    parser.add_argument("--distractors", type=int, default=2)
    parser.add_argument("--top-k", type=int, default=3, help="documents that an answer sees")
    parser.add_argument("--longest", type=int, default=1024, help="tokens of an example")
    parser.add_argument("--answer-tokens", type=int, default=192)
    parser.add_argument(
        "--oracle", action="store_true", help="also answer with the right documents"
    )
    parser.add_argument("--guard", type=Path, help="questions that show what training forgets")
    parser.add_argument("--trained", default="", help="set whose adapters answer instead")
    chosen = parser.parse_args(arguments)
    chosen.folder = chosen.folder.resolve()
    return chosen


def main(arguments: Sequence[str]) -> None:
    """Print the table as JSON."""
    chosen = parse(arguments)
    with Session(Settings(home=chosen.home.resolve()), Console(quiet=True)) as session:
        results = teach(Lesson(Commands.beside(session), chosen), chosen)
    asked = {name: str(value) for name, value in vars(chosen).items() if name != "home"}
    report("what the methods teach", {"budget": asked, **results})


if __name__ == "__main__":
    main(sys.argv[1:])
