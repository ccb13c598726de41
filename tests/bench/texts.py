"""Texts for benchmarks: real words in lengths like those of chunks, the same on every run."""

import random
from pathlib import Path

_CORPUS = Path(__file__).parents[2] / "cluster" / "demo" / "corpus"


def sample_texts(count: int, seed: int = 0) -> list[str]:
    """`count` texts of the demo corpus' words: 8 to 170 of them, log-normal around 60."""
    choice = random.Random(seed)
    words = [
        word for path in sorted(_CORPUS.glob("*.md")) for word in path.read_text("utf-8").split()
    ]
    texts = []
    for _ in range(count):
        length = min(max(int(choice.lognormvariate(4.1, 0.6)), 8), 170)
        start = choice.randrange(len(words) - length)
        texts.append(" ".join(words[start : start + length]))
    return texts
