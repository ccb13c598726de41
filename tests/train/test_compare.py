"""A whole comparison against a real HTTP server: numbers, report, resumption, and clear refusals."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer import Typer
from typer.testing import CliRunner

from cluster.errors import GateError, InputError, NotFoundError, UnavailableError, UsageError
from cluster.settings import CompareSettings
from tests.fakes import FakeOpenAI, Loopback
from tests.train.exam import MODELS, Answers, exam_session, example
from train.compare import CompareRequest, compare_arms, served_at
from train.compare_cli import compare
from train.comparison import Comparison, result_document
from train.report import Report

EXAMPLES = [example(number) for number in range(40)]
SHARES = {"base": 0, "base+rag": 5, "exam-dsf": 3, "exam-dsf+rag": 6, "exam-raft+rag": 9}


@pytest.fixture
def api() -> FakeOpenAI:
    return FakeOpenAI(MODELS, Answers(SHARES))


@pytest.fixture
def server(api: FakeOpenAI) -> Iterator[Loopback]:
    with Loopback(api.app) as running:
        yield running


def settings(url: str, **changes: object) -> CompareSettings:
    return CompareSettings.model_validate(
        {"url": url, "attempts": 2, "retry_wait_s": 0.0, "bootstrap": 500, **changes}
    )


def run(home: Path, settings: CompareSettings, **request: object) -> tuple[Comparison, Report]:
    with exam_session(home, EXAMPLES, settings) as session:
        return compare_arms(session, CompareRequest("exam", **request))  # type: ignore[arg-type]


def test_five_arms_are_measured_and_the_best_is_named(server: Loopback, tmp_path: Path) -> None:
    comparison, report = run(tmp_path, settings(server.url))
    document = result_document(comparison)
    arms = document["arms"]
    assert {name: arm["value"] for name, arm in arms.items()} == {
        "base": 0.0, "rag": 0.5, "dsf": 0.3, "dsf+rag": 0.6, "raft": 0.9,
    }  # fmt: skip
    raft, base = arms["raft"], arms["base"]
    assert raft["ci95"][0] < 0.9 < raft["ci95"][1]
    assert (raft["n"], raft["metric"], raft["model"]) == (40, "exact_match", "exam-raft@r1")
    assert (raft["citation_precision"], raft["retrieval_recall"]) == (1.0, 1.0)
    assert (base["citation_precision"], base["retrieval_recall"]) == (None, None)
    assert (raft["tokens_in"], raft["tokens_out"], raft["tokens_in_total"]) == (100, 5, 4000)
    assert 0 < raft["latency_p50_s"] <= raft["latency_p95_s"]
    assert len(document["paired"]) == 10
    assert document["verdict"].startswith("raft answers best on this set: 90.0 % exact match")
    assert document["report"] == report.report
    json.dumps(document)


def test_report_holds_every_answer_and_opens_from_the_store(
    server: Loopback, tmp_path: Path
) -> None:
    _, report = run(tmp_path, settings(server.url))
    folder = report.html.parent
    assert folder == tmp_path / "store" / "reports" / report.report
    rows = pq.read_table(folder / "answers.parquet").to_pylist()
    assert len(rows) == 40 * 5
    assert {row["arm"] for row in rows} == {"base", "rag", "dsf", "dsf+rag", "raft"}
    saved = json.loads((folder / "report.json").read_text())
    assert saved["generation"] == "g1"
    assert saved["settings"]["top_k"] == 4
    assert saved["machine"]["cores"] > 0


def test_second_run_reuses_every_answer_and_ends_in_the_same_report(
    server: Loopback, api: FakeOpenAI, tmp_path: Path
) -> None:
    _, first = run(tmp_path, settings(server.url))
    asked = len(api.bodies)
    comparison, again = run(tmp_path, settings(server.url))
    assert comparison.reused == 200
    assert len(api.bodies) - asked == 5  # one tiny request to pin each arm
    assert again == first


def test_another_metric_scores_the_same_answers_anew(server: Loopback, tmp_path: Path) -> None:
    _, first = run(tmp_path, settings(server.url, limit=5))
    comparison, again = run(tmp_path, settings(server.url, limit=5, metric="f1"))
    assert comparison.reused == 25
    assert result_document(comparison)["metric"] == "f1"
    assert "token F1" in comparison.verdict
    assert again != first


def test_same_server_on_another_port_is_not_asked_again(
    server: Loopback, api: FakeOpenAI, tmp_path: Path
) -> None:
    _, first = run(tmp_path, settings(server.url, limit=5))
    with Loopback(api.app) as elsewhere:
        comparison, again = run(tmp_path, settings(elsewhere.url, limit=5))
    assert comparison.reused == 25
    assert again == first


def test_fresh_run_asks_everything_again(server: Loopback, tmp_path: Path) -> None:
    chosen = settings(server.url, limit=5)
    run(tmp_path, chosen)
    comparison, _ = run(tmp_path, chosen, fresh=True)
    assert comparison.reused == 0


def test_larger_limit_keeps_the_questions_of_the_smaller(server: Loopback, tmp_path: Path) -> None:
    small, _ = run(tmp_path, settings(server.url, limit=5, arms=("rag",)))
    large, _ = run(tmp_path, settings(server.url, limit=12, arms=("rag",)))
    assert large.reused == 5
    assert {r.question_id for r in small.rows} <= {r.question_id for r in large.rows}
    assert small.rows[0].latency_s is not None
    assert small.arms[0].latency_p95_s is None  # five answers have no 95th percentile


def test_given_documents_are_told_and_closed_books_are_not_asked_again(
    server: Loopback, tmp_path: Path
) -> None:
    run(tmp_path, settings(server.url, limit=5))
    given, report = run(tmp_path, settings(server.url, limit=5, documents="oracle"))
    assert given.reused == 10  # base and dsf
    assert "The right documents were given" in given.verdict
    assert "the right ones were given" in report.html.read_text("utf-8")


def test_failed_question_counts_as_wrong_and_is_listed(
    server: Loopback, api: FakeOpenAI, tmp_path: Path
) -> None:
    api.broken.add("What is 3?")
    document = result_document(run(tmp_path, settings(server.url))[0])
    assert document["arms"]["raft"]["value"] == pytest.approx(35 / 40)
    assert document["arms"]["raft"]["errors"] == 1
    assert {error["question"] for error in document["errors"]} == {"q003"}
    assert len(document["errors"]) == 5
    assert "5 requests failed and count as wrong" in document["verdict"]


def test_too_many_failures_fail_the_comparison(
    server: Loopback, api: FakeOpenAI, tmp_path: Path
) -> None:
    api.broken |= {f"What is {number}?" for number in range(9)}
    with pytest.raises(GateError, match="run the same command again"):
        run(tmp_path, settings(server.url))
    assert not (tmp_path / "store" / "reports").exists()


def test_label_set_is_scored_by_its_labels(
    server: Loopback, api: FakeOpenAI, tmp_path: Path
) -> None:
    api.answer = lambda model, rag, question: "Yes, since no other document says so"
    examples = [example(n, answer="yes" if n < 15 else "no") for n in range(20)]
    chosen = settings(server.url, arms=("rag",))
    with exam_session(tmp_path, examples, chosen, metric="label") as session:
        comparison, _ = compare_arms(session, CompareRequest("exam"))
    assert (comparison.arms[0].metric, comparison.arms[0].value) == ("label", 0.75)


def test_other_adapters_can_be_named(server: Loopback, api: FakeOpenAI, tmp_path: Path) -> None:
    api.models["other@prod"] = "other@v7"
    comparison, _ = run(tmp_path, settings(server.url, arms=("raft",), limit=3), raft="other@prod")
    assert comparison.arms[0].model == "other@v7"


def test_silent_server_is_named_before_any_question(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnavailableError, match=f"no server answers at {url}"):
        run(tmp_path, settings(url))


def test_missing_adapter_is_named_before_any_question(
    server: Loopback, api: FakeOpenAI, tmp_path: Path
) -> None:
    del api.models["exam-dsf"]
    with pytest.raises(NotFoundError, match="arm 'dsf' needs model 'exam-dsf'"):
        run(tmp_path, settings(server.url))
    assert api.bodies == []


@pytest.mark.parametrize("arms", [("rag", "magic"), ("rag", "rag"), ()])
def test_arms_that_do_not_exist_are_refused(tmp_path: Path, arms: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="out of base,rag,dsf,dsf"):
        run(tmp_path, settings("http://127.0.0.1:9", arms=arms))


def test_set_without_questions_or_with_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    chosen = settings("http://127.0.0.1:9")
    with (
        exam_session(tmp_path / "a", [], chosen) as session,
        pytest.raises(NotFoundError, match="has no test examples"),
    ):
        compare_arms(session, CompareRequest("exam"))
    with (
        exam_session(tmp_path / "b", EXAMPLES, chosen, metric="vibes") as session,
        pytest.raises(InputError, match="metric='vibes'"),
    ):
        compare_arms(session, CompareRequest("exam"))


def test_server_address_follows_the_serve_settings(tmp_path: Path) -> None:
    with exam_session(tmp_path, EXAMPLES, CompareSettings()) as session:
        assert served_at(session.settings) == "http://127.0.0.1:8000"


def test_command_prints_one_json_document(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam_session(tmp_path, EXAMPLES, CompareSettings())
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path))
    app = Typer()
    app.command()(compare)
    flags = ["--dataset", "exam", "--arms", "base,raft", "--url", server.url, "--limit", "20"]
    result = CliRunner().invoke(app, [*flags, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert list(document["arms"]) == ["base", "raft"]
    assert document["arms"]["raft"]["n"] == 20
    assert Path(document["report"]["html"]).is_file()
    assert "raft answers best" in result.stderr
