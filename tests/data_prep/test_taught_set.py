"""Documents -> index -> a teacher's questions -> a RAFT set, with every part real but the teacher."""

from pathlib import Path

import pytest

from cluster.console import Console
from cluster.datasets import Datasets
from cluster.objects import open_store
from cluster.records import SPLITS
from cluster.session import Session
from cluster.settings import IngestSettings, MilvusSettings, RaftSettings, Settings, TeacherSettings
from data_prep.sets.synth import Order, synth
from data_prep.teacher.prompts import TEACHER_PROMPT_HASH
from data_prep.teacher.question_file import QuestionRequest, write_questions
from tests.fake_teacher import FakeTeacher
from tests.real_corpus import run_ingest
from tests.taught_corpus import MODEL, chunk

DOCUMENTS = 12


def documents(folder: Path) -> Path:
    folder.mkdir()
    for number in range(DOCUMENTS):
        (folder / f"pump{number:02d}.txt").write_text(chunk(number).text, "utf-8")
    return folder


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_set_of_a_teacher_holds_verified_quotes_and_names_its_calls(
    tmp_path: Path, milvus_uri: str, ray_cluster: None
) -> None:
    with FakeTeacher() as server:
        settings = Settings(
            home=tmp_path / "home",
            milvus=MilvusSettings(uri=milvus_uri),
            ingest=IngestSettings(stage_documents=4),
            raft=RaftSettings(distractors=2),
            teacher=TeacherSettings(url=server.url, model=MODEL, questions_per_chunk=2),
        )
        run_ingest(settings, documents(tmp_path / "documents"), "pumps")
        session = Session(settings, Console(quiet=True))
        for asked in (3 * DOCUMENTS, 0):
            written = write_questions(session, QuestionRequest("pumps", "taught"))
            report = synth(session, Order("pumps", "taught", written.path, None, written.report))
            assert written.report["calls"]["asked"] == asked
            assert report["unchanged"] == (asked == 0)
        session.vectors.close()  # leaving the session would end the Ray that all tests share
    assert sum(report["examples"].values()) == 2 * DOCUMENTS
    assert report["rejected"] == {}
    store = open_store(settings)
    card = store.get(f"datasets/taught/{report['version']}/README.md").decode()
    assert f"written by `{MODEL}` (prompts `{TEACHER_PROMPT_HASH}`): {2 * DOCUMENTS} about" in card
    datasets = Datasets(store)
    assert datasets.manifest("taught")["teacher"]["rejected"] == {}
    for split in SPLITS:
        for example in datasets.read("taught", split):
            texts = {document.chunk_id: document.text for document in example.documents}
            quoted = [texts[quote.chunk_id][quote.start : quote.end] for quote in example.quotes]
            assert len(quoted) == (1 if example.oracle_present else 0)
            assert all(example.answer in quote for quote in quoted)
            teacher = example.provenance["teacher"]
            assert teacher["model"] == f"{MODEL}-2026"
            assert teacher["prompt_hash"] == TEACHER_PROMPT_HASH
            assert all(server.answered[call] == 1 for call in teacher["calls"])
