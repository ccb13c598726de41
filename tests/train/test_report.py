"""The page stands alone, is well formed, shows every arm and question, and runs nothing it was given."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cluster.objects import LocalStore
from cluster.settings import CompareSettings
from tests.train.exam import example
from train import charts
from train.arms import ARMS, plan_arms
from train.client import CITATION, Reply
from train.compare import compare_outcomes
from train.comparison import Comparison
from train.interview import Outcome
from train.report import publish_report
from train.scene import Scene
from train.scorecard import Yardstick
from train.subject import Subject

HOSTILE = "<script>alert(1)</script> & 'http://evil.example/x.png'"
_VOID = {"meta", "br", "input", "link", "img"}


class Page(HTMLParser):
    """Collects tags, attributes and text; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def reply(arm: str, rag: bool, right: bool) -> Reply:
    citation = dict.fromkeys(CITATION) | {"doc_id": "right", "title": HOSTILE, "quote": HOSTILE}
    cited = (citation,) if rag else ()
    answer = "number 1" if right else HOSTILE
    retrieved = ("right",) if rag else ()
    return Reply(arm, answer, answer, cited, retrieved, None, None, 0, "stop", 90, 9, 0.5)


def comparison(names: tuple[str, ...] = ARMS, questions: int = 12, **changes: int) -> Comparison:
    """A made-up comparison in which raft is right most often and one question failed."""
    arms = [replace(arm, served=arm.model) for arm in plan_arms(names, "exam-dsf", "exam-raft")]
    examples = [replace(example(n, answer="number 1"), question=HOSTILE) for n in range(questions)]
    outcomes = [
        Outcome(arm.name, asked, reply(arm.served, arm.rag, number % 5 <= position))
        for number, asked in enumerate(examples)
        for position, arm in enumerate(arms)
    ]
    outcomes[0] = replace(outcomes[0], reply=None, error="the server fell over")
    yardstick = Yardstick("exact_match", frozenset())
    subject = Subject("exam", "v1", "test", "handbook", "g1", examples, 99, yardstick)
    settings = CompareSettings(bootstrap=200, **changes)
    scene = Scene("http://127.0.0.1:8000", "handbook", "g1", 4, "tiny", settings)
    return compare_outcomes(subject, scene, arms, outcomes)


def page(store: LocalStore, tmp_path: Path, made: Comparison) -> tuple[str, Page]:
    html = publish_report(store, tmp_path, made).html.read_text("utf-8")
    return html, Page(html)


def test_page_fetches_nothing(store: LocalStore, tmp_path: Path) -> None:
    html, parsed = page(store, tmp_path, comparison())
    assert not {"link", "img", "iframe", "object", "base"} & set(parsed.tags)
    assert not {"src", "href", "srcset", "data", "action"} & {name for name, _ in parsed.attributes}
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in html


def test_page_shows_every_arm_question_error_and_the_verdict(
    store: LocalStore, tmp_path: Path
) -> None:
    made = comparison()
    _, parsed = page(store, tmp_path, made)
    assert made.verdict in parsed.text
    assert "the server fell over" in parsed.text
    assert parsed.text.count("Expected") == 12
    for arm in ARMS:
        assert parsed.text.count(arm) >= 12
    assert "12 of 99" in parsed.text


def test_page_escapes_what_documents_and_models_say(store: LocalStore, tmp_path: Path) -> None:
    _, parsed = page(store, tmp_path, comparison())
    assert parsed.tags.count("script") == 1
    assert HOSTILE in parsed.text


def test_page_limits_questions_and_says_so(store: LocalStore, tmp_path: Path) -> None:
    _, parsed = page(store, tmp_path, comparison(report_questions=4))
    assert parsed.tags.count("blockquote") > 0
    assert "4 of 12 questions" in parsed.text


def test_page_of_one_arm_has_no_pairs(store: LocalStore, tmp_path: Path) -> None:
    _, parsed = page(store, tmp_path, comparison(names=("rag",)))
    assert "Every pair" not in parsed.text


def test_report_published_twice_is_one_report(store: LocalStore, tmp_path: Path) -> None:
    first = publish_report(store, tmp_path, comparison())
    written = first.html.stat().st_mtime_ns
    assert publish_report(store, tmp_path, comparison()) == first
    assert first.html.stat().st_mtime_ns == written


def test_report_in_a_remote_store_is_opened_from_a_local_copy(
    store: LocalStore, tmp_path: Path
) -> None:
    store.url = "s3://bucket/prefix"  # as far as a reader of the address can tell
    report = publish_report(store, tmp_path / "cache", comparison())
    assert report.html.is_relative_to(tmp_path / "cache")
    assert report.html.read_bytes() == store.get(f"reports/{report.report}/report.html")


@pytest.mark.parametrize("questions", [1, 12])
def test_charts_are_well_formed_and_stay_in_their_frame(questions: int) -> None:
    made = comparison(questions=questions)
    drawn = [
        charts.quality_chart(made.arms, HOSTILE),
        charts.forest_chart(made.pairs, HOSTILE),
        charts.tradeoff_chart(made.arms, HOSTILE),
        charts.tokens_chart(made.arms, HOSTILE),
    ]
    for svg in drawn:
        root = ET.fromstring(svg)
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for element in root.iter():
            for name, limit in (("cx", width), ("x1", width), ("x2", width), ("cy", height)):
                assert 0 <= float(element.get(name, 0)) <= limit


def test_chart_of_several_arms_shows_each_value(store: LocalStore) -> None:
    made = comparison()
    texts = [e.text for e in ET.fromstring(charts.quality_chart(made.arms, "t")).iter()]
    for arm in made.arms:
        assert f"{100 * arm.value:.1f} %" in texts


@pytest.mark.parametrize(
    ("reach", "count", "step"), [(1.0, 5, 0.2), (0.93, 5, 0.2), (663, 5, 200), (0.004, 4, 0.001)]
)
def test_axis_steps_are_round(reach: float, count: int, step: float) -> None:
    assert charts.nice_step(reach, count) == pytest.approx(step)
