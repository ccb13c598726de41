"""A corpus of several sources, with the real Milvus and embedder: each is brought up to date by itself."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import BusyError, InputError, NotFoundError
from cluster.session import Session
from cluster.settings import Settings
from data_prep.corpus.ingest import corpus_lease, ingest, preview, retry
from data_prep.corpus.rollback import rollback
from data_prep.corpus.sources.removal import remove_source
from tests.buckets import s3_client, s3_server
from tests.handmade import rayless
from tests.real_corpus import here
from tests.small_folders import GATE, ROOF, WELL, counts, documents, entries, folder, locations

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def session(home: Settings) -> Iterator[Session]:
    with rayless(here(home)) as opened:
        yield opened


@pytest.fixture
def corpus(request: pytest.FixtureRequest) -> str:
    """A name of its own: tests share one store and one Milvus."""
    return request.node.name.removeprefix("test_").replace("_", "-")[:60]


def test_second_source_is_added_and_each_is_updated_by_itself(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first = folder(tmp_path / "first", gate=GATE, roof=ROOF)
    second = folder(tmp_path / "second", well=WELL)
    begun = ingest(session, first, corpus)
    added = ingest(session, f"file://{second}/", corpus)
    assert (counts(added), added["gone"], added["sources"]) == (
        (1, 0, 2, 0, 0),
        [],
        [first, second],
    )
    assert documents(session, corpus) == {"gate.md", "roof.md", "well.md"}
    (tmp_path / "first" / "roof.md").unlink()
    updated = ingest(session, first, corpus)
    assert counts(updated) == (0, 0, 2, 1, 0)
    assert updated["gone"] == [{"source": first, "documents": 1, "examples": ["roof.md"]}]
    assert updated["undo"] == f"openbook corpus rollback {corpus}"
    assert documents(session, corpus) == {"gate.md", "well.md"}
    assert counts(ingest(session, second, corpus)) == (0, 0, 2, 0, 0)
    rollback(session, corpus, begun["generation"])
    assert locations(session, corpus) == [first]
    assert documents(session, corpus) == {"gate.md", "roof.md"}


def test_replace_leaves_the_documents_of_one_source_under_their_own_names(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first = folder(tmp_path / "first", gate=GATE, roof=ROOF)
    second = folder(tmp_path / "second", gate="This gate is another.", well=WELL)
    alone = ingest(session, second, f"{corpus[:50]}-alone")
    ingest(session, first, corpus)
    foreseen = preview(session, second, corpus, replace=True)
    replaced = ingest(session, second, corpus, replace=True)
    assert counts(foreseen) == counts(replaced) == (1, 1, 0, 1, 0)
    assert (replaced["sources"], replaced["generation"]) == ([second], alone["generation"])
    assert replaced["gone"] == [{"source": first, "documents": 1, "examples": ["roof.md"]}]
    assert documents(session, corpus) == {"gate.md", "well.md"}


def test_equal_names_of_two_sources_are_two_documents_with_lasting_ids(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first = folder(tmp_path / "one" / "docs", gate=GATE)
    second = folder(tmp_path / "two" / "docs", gate="The other gate is red.", well=WELL)
    ingest(session, first, corpus)
    added = ingest(session, second, corpus)
    assert documents(session, corpus) == {"gate.md", "docs/gate.md", "well.md"}
    (renamed,) = added["renamed"]
    assert (renamed["doc_id"], renamed["name"]) == ("docs/gate.md", "gate.md")
    again = ingest(session, second, corpus)
    assert (counts(again), again["renamed"]) == ((0, 0, 3, 0, 0), [])
    remove_source(session, corpus, first)
    assert documents(session, corpus) == {"docs/gate.md", "well.md"}
    kept = ingest(session, second, corpus)
    assert counts(kept) == (0, 0, 2, 0, 0)


def test_file_of_two_sources_is_one_document_until_none_lists_it(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    whole = folder(tmp_path / "docs", gate=GATE)
    inner = folder(tmp_path / "docs" / "in", well=WELL)
    pattern = f"{whole}/**/*.md"
    ingest(session, whole, corpus)
    for other in (pattern, inner):
        assert counts(ingest(session, other, corpus)) == (0, 0, 2, 0, 0)
    assert entries(session, corpus)["in/well.md"].sources == (whole, pattern, inner)
    remove_source(session, corpus, whole)
    remove_source(session, corpus, pattern)
    assert documents(session, corpus) == {"in/well.md"}
    (tmp_path / "docs" / "in" / "well.md").write_text("The well is dry.")
    assert counts(ingest(session, inner, corpus)) == (0, 1, 0, 0, 0)
    with pytest.raises(InputError, match="openbook corpus delete"):
        remove_source(session, corpus, inner)


def write_records(path: Path, **texts: str) -> str:
    rows = [{"_id": name, "title": "", "text": text} for name, text in texts.items()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_records_that_use_an_id_of_another_source_fail_and_say_whose(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first = write_records(tmp_path / "first.jsonl", r1=GATE, r2=ROOF)
    second = write_records(tmp_path / "second.jsonl", r2="A thatched roof.", r3=WELL)
    notes = folder(tmp_path / "notes", memo="A memo about the yard.")
    ingest(session, notes, corpus)
    ingest(session, first, corpus)
    added = ingest(session, second, corpus)
    assert counts(added) == (1, 0, 3, 0, 1)
    (failure,) = added["failures"]
    assert f"its id 'r2' is used by source {first}" in failure["reason"]
    assert documents(session, corpus) == {"memo.md", "r1", "r2", "r3"}
    assert counts(ingest(session, first, corpus)) == (0, 0, 4, 0, 1)
    remove_source(session, corpus, first)
    healed = ingest(session, second, corpus)
    assert (counts(healed), healed["failures"]) == ((1, 0, 2, 0, 0), [])
    assert documents(session, corpus) == {"memo.md", "r2", "r3"}


def test_source_that_is_gone_can_be_removed_without_reading_the_others(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first = folder(tmp_path / "first", gate=GATE, roof=ROOF)
    second = folder(tmp_path / "second", well=WELL)
    ingest(session, first, corpus)
    both = ingest(session, second, corpus)
    shutil.rmtree(first)
    shutil.rmtree(second)
    with pytest.raises(InputError, match="does not exist"):
        ingest(session, first, corpus)
    assert documents(session, corpus) == {"gate.md", "roof.md", "well.md"}
    with pytest.raises(NotFoundError, match=f"its sources are: {first}, {second}"):
        remove_source(session, corpus, str(tmp_path / "third"))
    removed = remove_source(session, corpus, f"{first}/")
    assert (counts(removed), removed["before"]) == ((0, 0, 1, 2, 0), both["generation"])
    assert removed["chunks"]["written"] == 0
    assert (locations(session, corpus), documents(session, corpus)) == ([second], {"well.md"})
    rollback(session, corpus)
    assert locations(session, corpus) == [first, second]
    assert documents(session, corpus) == {"gate.md", "roof.md", "well.md"}


def test_source_is_not_removed_while_the_corpus_is_changed(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    ingest(session, folder(tmp_path / "first", gate=GATE), corpus)
    with corpus_lease(session, corpus, "ingest"), pytest.raises(BusyError, match="ingest of"):
        remove_source(session, corpus, str(tmp_path / "first"))


def test_folder_that_moved_is_told_as_a_copy(session: Session, corpus: str, tmp_path: Path) -> None:
    old = folder(tmp_path / "old", gate=GATE, roof=ROOF)
    ingest(session, old, corpus)
    (tmp_path / "old").rename(tmp_path / "new")
    moved = ingest(session, str(tmp_path / "new"), corpus)
    assert moved["copies"] == [{"source": old, "documents": 2}]
    assert len(documents(session, corpus)) == 4
    remove_source(session, corpus, old)
    assert documents(session, corpus) == {"new/gate.md", "new/roof.md"}


def test_retry_reads_each_failed_document_from_its_own_source(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first, second = (folder(tmp_path / name, ok=name) for name in ("first", "second"))
    fine = folder(tmp_path / "fine", well=WELL)
    for place in (first, second):
        (Path(place) / "gate.pdf").write_bytes(b"%PDF-1.4 cut off")
    reports = [ingest(session, place, corpus) for place in (first, second, fine)]
    assert [report["documents"]["failed"] for report in reports] == [1, 2, 2]
    shutil.rmtree(fine)
    (Path(second) / "gate.pdf").unlink()
    retried = retry(session, corpus)
    assert (counts(retried), retried["gone"]) == ((0, 0, 3, 0, 1), [])
    assert entries(session, corpus)["gate.pdf"].attempts == 2
    remove_source(session, corpus, first)
    assert counts(retry(session, corpus)) == (0, 0, 2, 0, 0)


def test_bucket_and_folder_are_two_sources_of_one_corpus(
    home: Settings, corpus: str, tmp_path: Path
) -> None:
    first = folder(tmp_path / "docs", gate=GATE)
    with s3_server() as server, rayless(here(home).model_copy(update={"store": server})) as session:
        client = s3_client(server)
        client.create_bucket(Bucket="books")
        for name, text in {"gate": "The gate in the bucket.", "well": WELL}.items():
            client.put_object(Bucket="books", Key=f"shelf/{name}.md", Body=text.encode())
        ingest(session, first, corpus)
        assert counts(ingest(session, "s3://books/shelf/", corpus)) == (2, 0, 1, 0, 0)
        assert documents(session, corpus) == {"gate.md", "shelf/gate.md", "well.md"}
        client.delete_object(Bucket="books", Key="shelf/well.md")
        client.put_object(Bucket="books", Key="shelf/gate.md", Body=b"A new gate.")
        assert counts(ingest(session, "s3://books/shelf", corpus)) == (0, 1, 1, 1, 0)
        assert counts(remove_source(session, corpus, "s3://books/shelf/")) == (0, 0, 1, 1, 0)
        assert documents(session, corpus) == {"gate.md"}
