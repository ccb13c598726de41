"""How real documents arrive in chunks, by several checkouts: python -m tests.bench.documents

    --tree before=FOLDER   another checkout, for example of c89f5f0; may be given again. This one is `after`
    --python FILE          the Python that runs the other checkouts, with their requirements
    --cache FOLDER         where packages are kept (~/.cache/openbook-bench)
    --only pdf,html        formats, or parts of documents' names
    --pairs N              how often each document is timed (2); 0 asks every checkout once
    --alone                leave out this checkout

Documents are those of `document_sets`, of Debian's packages and PyPI's; one that cannot be had is told as
skipped. What stands in them is read by other programs (`document_truth`). Checkouts answer in turn, each in a
process of its own, and the first one twice for each document: its two answers show the noise. Poppler's
programs are needed for PDFs.
"""

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.document_fetch import PackageError, Packages, Sample
from tests.bench.document_measures import (
    Share,
    headings_as_sections,
    headings_kept,
    pages_right,
    rows_kept,
    title_is_right,
    whole_text,
    word_recall,
)
from tests.bench.document_sets import CSVS, HTMLS, PDFS, SHEETS, Entry
from tests.bench.document_truth import (
    Truth,
    missing_program,
    read_csv,
    read_html,
    read_pdf,
    read_sheets,
)
from tests.bench.measure import report

Answer = dict[str, Any]
_SETS: Mapping[str, Sequence[Entry]] = {"pdf": PDFS, "html": HTMLS, "xlsx": SHEETS, "csv": CSVS}
_ROOT = Path(__file__).parents[2]
_SCRIPT = Path(__file__).with_name("document_chunks.py")
_TARGETS = {"words": 0.99, "headings": 0.98, "rows": 0.95, "pages": 0.99}
_START_S, _DOCUMENT_S = 300, 900


class Arm:
    """A process that makes chunks by one checkout; started again after a document that took too long."""

    def __init__(self, tree: Path, python: str) -> None:
        self._tree, self._python = tree, python
        self._process = self._start()

    def chunks(self, sample: Sample) -> Answer:
        """Title, chunks, seconds; a `reason` where there are none."""
        task = json.dumps({"path": str(sample.path), "format": sample.format})
        assert self._process.stdin
        self._process.stdin.write(task.encode() + b"\n")
        self._process.stdin.flush()
        answer = self._read(_DOCUMENT_S)
        if answer is None:
            self.close()
            self._process = self._start()
            reason = f"no answer within {_DOCUMENT_S} s, or the process ended"
            return {
                "reason": reason, "title": "", "chunks": [], "notices": [], "wall_s": _DOCUMENT_S,
                "cpu_s": _DOCUMENT_S,
            }  # fmt: skip
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(
            [self._python, "-P", str(_SCRIPT)],
            cwd=self._tree,
            env={**os.environ, "PYTHONPATH": str(self._tree), "TOKENIZERS_PARALLELISM": "false"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        ready = self._read(_START_S)
        if ready is None or Path(ready["root"]) != self._tree:
            self.close()
            raise SystemExit(
                f"{self._tree} does not answer ({ready}): run {self._python} -P {_SCRIPT} with "
                f"PYTHONPATH={self._tree} to see why"
            )
        return self._process

    def _read(self, timeout_s: float) -> Answer | None:
        out = self._process.stdout
        assert out
        if not select.select([out], [], [], timeout_s)[0]:
            return None
        line = out.readline()
        return json.loads(line) if line else None


def main() -> None:
    """Print what every checkout makes of every document, and sums by format."""
    options = _options()
    samples, skipped = _samples(options)
    trees = dict(_tree(given) for given in options.tree)
    arms = {name: Arm(tree, options.python or sys.executable) for name, tree in trees.items()}
    if not options.alone:
        arms["after"] = Arm(_ROOT, sys.executable)
    documents = []
    for at, sample in enumerate(samples, 1):
        print(f"{at}/{len(samples)} {sample.name}", file=sys.stderr)
        documents.append(_measure(sample, arms, options.pairs))
    for arm in arms.values():
        arm.close()
    report("documents", {
        "targets": _TARGETS,
        "arms": {name: str(_commit(tree)) for name, tree in trees.items()},
        "sums": {name: _sums(documents, name) for name in arms},
        "seconds": _seconds(documents, list(arms)),
        "skipped": list(dict.fromkeys(skipped)),
        "documents": documents,
    })  # fmt: skip


def _samples(options: argparse.Namespace) -> tuple[list[Sample], list[str]]:
    packages = Packages(options.cache.expanduser().resolve(), sys.executable)
    wanted = [part for part in options.only.split(",") if part]
    samples, skipped = [], []
    for format, entries in _SETS.items():
        if wanted and format not in wanted and set(wanted) <= set(_SETS):
            continue
        lacking = missing_program() if format == "pdf" else ""
        for entry in entries:
            try:
                if lacking:
                    raise PackageError(f"{entry.path}: {lacking} (poppler-utils) is needed")
                samples += packages.samples(entry, format)
            except PackageError as error:
                skipped.append(str(error))
    if not wanted:
        return samples, skipped
    return [s for s in samples if any(w == s.format or w in s.name for w in wanted)], skipped


def _measure(sample: Sample, arms: Mapping[str, Arm], pairs: int) -> dict[str, Any]:
    truth = _truth(sample)
    names = list(arms)
    answers: dict[str, list[Answer]] = {name: [] for name in names}
    for turn in range(max(pairs, 1)):
        order = names if turn % 2 else names[::-1]
        for name in [*order, *names[: min(pairs, 1)]]:
            answers[name].append(arms[name].chunks(sample))
    pages = len(truth.pages)
    return {
        "name": sample.name,
        "maker": sample.entry.maker,
        "format": sample.format,
        "pages": pages,
        "bytes": sample.path.stat().st_size,
        **{name: _figures(sample, truth, found) for name, found in answers.items()},
    }


def _truth(sample: Sample) -> Truth:
    if sample.format == "pdf":
        return read_pdf(sample.path, sample.tables)
    if sample.format == "html":
        return read_html(sample.path.read_bytes(), sample.entry.maker)
    if sample.format == "xlsx":
        return read_sheets(sample.path, sample.entry.headers)
    return read_csv(sample.path)


def _figures(sample: Sample, truth: Truth, answers: Sequence[Answer]) -> dict[str, Any]:
    answer = answers[0]
    chunks = answer["chunks"]
    stem = sample.path.name.split(".")[0]
    titles = (*sample.entry.titles, *truth.titles, stem, sample.path.name, sample.path.stem)
    by_hand = sample.entry.titles or titles
    return {
        "reason": answer["reason"],
        "title": answer["title"],
        "title_right": title_is_right(answer["title"], by_hand),
        "chunks": len(chunks),
        "words": _asdict(word_recall(truth.text, whole_text(chunks))),
        "headings": _asdict(headings_kept(truth.headings, chunks)),
        "sections": _asdict(headings_as_sections(truth.headings, chunks)),
        "rows": _asdict(rows_kept(truth.rows, chunks)),
        "pages": pages_right(chunks, truth.pages) if truth.pages else {"found": 0, "total": 0},
        "notices": answer["notices"],
        "cpu_s": [round(one["cpu_s"], 4) for one in answers],
        "wall_s": [round(one["wall_s"], 4) for one in answers],
    }


def _sums(documents: Sequence[Mapping[str, Any]], arm: str) -> dict[str, Any]:
    """By format: shares over all documents, the least one, and how many reach the target."""
    sums = {}
    for format in dict.fromkeys(document["format"] for document in documents):
        of = [document for document in documents if document["format"] == format]
        sums[format] = {
            "documents": len(of),
            "failed": [document["name"] for document in of if document[arm]["reason"]],
            "wrong_titles": [d["name"] for d in of if not d[arm]["title_right"]],
            **{
                measure: _sum([(d["name"], d[arm][measure]) for d in of], target)
                for measure, target in (*_TARGETS.items(), ("sections", _TARGETS["headings"]))
            },
        }
    return sums


def _sum(shares: Sequence[tuple[str, Mapping[str, Any]]], target: float) -> dict[str, Any] | None:
    known = [(name, share["found"], share["total"]) for name, share in shares if share["total"]]
    if not known:
        return None
    by_share = sorted((found / total, name) for name, found, total in known)
    return {
        "share": round(sum(found for _, found, _ in known) / sum(t for *_, t in known), 4),
        "of": sum(total for *_, total in known),
        "least": [round(by_share[0][0], 4), by_share[0][1]],
        "documents": len(known),
        "reach_target": sum(share >= target for share, _ in by_share),
    }


def _seconds(documents: Sequence[Mapping[str, Any]], arms: Sequence[str]) -> dict[str, Any]:
    """Processor seconds a page of PDF, a MiB of the rest; how many times the first arm's each takes."""
    first, found = arms[0], {}
    for format in dict.fromkeys(document["format"] for document in documents):
        of = [document for document in documents if document["format"] == format]
        size = sum(d["pages"] if format == "pdf" else d["bytes"] / 2**20 for d in of)
        least = {arm: sum(statistics.median(d[arm]["cpu_s"]) for d in of) for arm in arms}
        once, again = (sum(d[first]["cpu_s"][at] for d in of) for at in (0, -1))
        found[format] = {
            "a": "page" if format == "pdf" else "MiB",
            **{arm: round(seconds / size, 5) for arm, seconds in least.items()},
            "times_the_first": {arm: round(least[arm] / least[first], 3) for arm in arms[1:]},
            "same_arm": round(again / once, 3) if once else None,
        }
    return found


def _tree(given: str) -> tuple[str, Path]:
    name, _, folder = given.rpartition("=")
    path = Path(folder).expanduser().resolve()
    if not (path / "data_prep").is_dir():
        raise SystemExit(f"--tree {given}: {path} is no checkout; give NAME=FOLDER")
    return name or "before", path


def _commit(tree: Path) -> str | None:
    command = ["git", "-C", str(tree), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _asdict(share: Share) -> dict[str, Any]:
    return asdict(share)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tree", action="append", default=[])
    parser.add_argument("--python", default="")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/openbook-bench"))
    parser.add_argument("--only", default="")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args()
    if options.pairs < 0 or (options.alone and not options.tree):
        parser.error("--pairs needs at least 0, --alone at least one --tree")
    return options


if __name__ == "__main__":
    main()
