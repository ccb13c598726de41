"""What continued pre-training puts into a model: python -m tests.bench.knowledge CORPUS QUESTIONS [options]

The four arms of Ovadia et al. 2023 (arXiv 2312.05934): base, base with documents, the model trained on the
text of CORPUS (CPT, a LoRA adapter), and that with documents. QUESTIONS are multiple choice, scored by the
likelihood of each choice as `train.guard` does; documents are what the retriever finds in CORPUS for the
question. Where the corpus says nothing about the questions, the CPT arm shows what training forgets.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from cluster.console import Console
from cluster.demo.processes import Commands
from cluster.models import base_model_path
from cluster.session import Session
from cluster.settings import Settings, TrainSettings
from tests.bench.measure import report
from tests.bench.teaching import learn
from train.guard import ChoiceQuestion, Guard, read_questions
from train.model import AnswerLoss
from train.statistics import mean_intervals

_SAMPLES = 2000


def build(session: Session, chosen: argparse.Namespace) -> dict[str, Any]:
    """Corpus -> vectors, CPT set and adapter, by the commands that a user would type."""
    commands, name = Commands.beside(session), chosen.corpus.parent.name
    commands.run(["ingest", str(chosen.corpus.resolve()), "--corpus", name])
    commands.run(["synth", "--cpt", "--corpus", name, "--dataset", f"{name}-cpt"])
    arguments = ["--dataset", f"{name}-cpt", "--adapter", f"{name}-cpt", "--mode", "cpt"]
    return learn(commands, arguments, chosen.tokens)


def with_documents(
    session: Session, corpus: str, questions: Sequence[ChoiceQuestion], top_k: int
) -> list[ChoiceQuestion]:
    """The questions, each behind what the retriever finds for it."""
    asked = [question.question for question in questions]
    found = session.retriever.retrieve(session.corpora.live(corpus), asked, top_k)
    return [
        replace(question, context="\n\n".join(hit.chunk.text for hit in hits))
        for question, hits in zip(questions, found, strict=True)
    ]


def marks(model: Any, tokenizer: Any, questions: Sequence[ChoiceQuestion]) -> list[float]:
    """1 for each question that the model gets right, else 0."""
    model.requires_grad_(False)
    loss, settings = AnswerLoss(model, "float32"), TrainSettings()
    return [Guard([one], tokenizer, settings).accuracy(model, loss) for one in questions]


def score(session: Session, adapter: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """The four arms over the same questions."""
    questions = read_questions(chosen.questions, chosen.limit)
    read = with_documents(session, chosen.corpus.parent.name, questions, chosen.top_k)
    path = base_model_path(session.settings)
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, dtype="float32")
    plain = {"base": marks(model, tokenizer, questions), "base+rag": marks(model, tokenizer, read)}
    folder = session.adapters.fetch(
        session.adapters.resolve(adapter), session.settings.home / "cache"
    )
    trained = PeftModel.from_pretrained(model, str(folder))
    taught = {
        "cpt": marks(trained, tokenizer, questions), "cpt+rag": marks(trained, tokenizer, read),
    }  # fmt: skip
    arms = plain | taught
    intervals = mean_intervals(np.array(list(arms.values())).T, _SAMPLES, 0)
    return {
        arm: {"accuracy": round(i.value, 4), "ci95": [round(i.low, 4), round(i.high, 4)]}
        for arm, i in zip(arms, intervals, strict=True)
    }


def main(arguments: Sequence[str]) -> None:
    """Print the grid as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.knowledge")
    parser.add_argument("corpus", type=Path, help="corpus.jsonl; its folder names the corpus")
    parser.add_argument("questions", type=Path)
    parser.add_argument("--home", type=Path, default=Path(".openbook/teaching"))
    parser.add_argument("--tokens", type=int, default=100_000, help="that the adapter learns from")
    parser.add_argument("--limit", type=int, default=200, help="questions, spread over the file")
    parser.add_argument("--top-k", type=int, default=2)
    chosen = parser.parse_args(arguments)
    with Session(Settings(home=chosen.home.resolve()), Console(quiet=True)) as session:
        training = build(session, chosen)
        arms = score(session, training["adapter"], chosen)
    asked = {name: str(value) for name, value in vars(chosen).items() if name != "home"}
    report("knowledge", {"budget": asked, "training": training, "arms": arms})


if __name__ == "__main__":
    main(sys.argv[1:])
