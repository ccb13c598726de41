"""Several sources under another chunker, after a kill and without a ledger: none is lost."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import ConflictError, InputError
from cluster.session import Session
from cluster.settings import ChunkSettings, Settings
from data_prep.corpus.ingest import ingest, preview, retry
from data_prep.corpus.ledger import ledger_key
from data_prep.corpus.sources.removal import remove_source
from tests.handmade import rayless
from tests.processes import kill_when
from tests.real_corpus import environment, here
from tests.small_folders import GATE, ROOF, WELL, counts, documents, folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def session(home: Settings) -> Iterator[Session]:
    with rayless(here(home)) as opened:
        yield opened


@pytest.fixture
def corpus(request: pytest.FixtureRequest) -> str:
    """A name of its own: tests share one store and one Milvus."""
    return request.node.name.removeprefix("test_").replace("_", "-")[:60]


def test_removal_killed_before_it_was_settled_is_finished_by_the_next_ingest(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first = folder(tmp_path / "first", gate=GATE)
    second = folder(tmp_path / "second", well=WELL)
    ingest(session, first, corpus)
    ingest(session, second, corpus)
    left = remove_source(session, corpus, first)["generation"]
    session.corpora.move_live(corpus, left, left)  # killed here
    assert counts(ingest(session, second, corpus)) == (0, 0, 1, 0, 0)
    pointer = session.corpora.pointer(corpus)
    assert pointer is not None
    assert (pointer.generation, pointer.settled) == (left, True)


def with_tokens(home: Settings, tokens: int) -> Settings:
    return here(home).model_copy(update={"chunk": ChunkSettings(tokens=tokens, overlap=0)})


def test_new_chunking_reads_all_sources_again_and_loses_none(
    session: Session, corpus: str, tmp_path: Path, home: Settings
) -> None:
    first = folder(tmp_path / "first", gate=GATE, roof=ROOF)
    second = folder(tmp_path / "second", gate="The other gate.", well=WELL)
    ingest(session, first, corpus)
    ingest(session, second, corpus)
    before = documents(session, corpus)
    with rayless(with_tokens(home, 40)) as other:
        (tmp_path / "first" / "roof.md").unlink()
        foreseen = preview(other, second, corpus)
        assert (foreseen["rebuild"], counts(foreseen)) == (True, (3, 0, 0, 1, 0))
        rebuilt = ingest(other, second, corpus)
        assert (counts(rebuilt), rebuilt["rebuild"]) == ((3, 0, 0, 1, 0), True)
        assert rebuilt["sources"] == [first, second]
        assert documents(other, corpus) == before - {"roof.md"}
    third = folder(tmp_path / "third", yard="The yard is paved.")
    back = ingest(session, third, corpus)  # the first index still exists, with what it had then
    assert (counts(back), back["sources"]) == ((1, 0, 3, 0, 0), [first, second, third])
    assert documents(session, corpus) == before - {"roof.md"} | {"yard.md"}


def test_new_chunking_stops_at_a_source_that_is_gone_and_says_the_ways_out(
    session: Session, corpus: str, tmp_path: Path, home: Settings
) -> None:
    first = folder(tmp_path / "first", gate=GATE)
    second = folder(tmp_path / "second", well=WELL)
    ingest(session, first, corpus)
    live = ingest(session, second, corpus)["generation"]
    shutil.rmtree(first)
    with rayless(with_tokens(home, 48)) as other:
        ways = rf"{first}.*has to be read again.*corpus sources remove {corpus} {first}.*--replace"
        with pytest.raises(InputError, match=ways):
            ingest(other, second, corpus)
        assert other.corpora.live(corpus).generation == live
        with pytest.raises(ConflictError, match="another parser, chunker"):
            retry(other, corpus)
        remove_source(other, corpus, first)
        assert counts(ingest(other, second, corpus)) == (1, 0, 0, 0, 0)
        assert documents(other, corpus) == {"well.md"}


def test_lost_ledger_is_no_reason_to_forget_sources(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first = folder(tmp_path / "first", gate=GATE)
    second = folder(tmp_path / "second", gate="The other gate.", well=WELL)
    ingest(session, first, corpus)
    before = ingest(session, second, corpus)["generation"]
    session.store.delete(ledger_key(corpus, before))
    again = ingest(session, second, corpus)
    assert (again["generation"], again["sources"]) == (before, [first, second])
    assert documents(session, corpus) == {"gate.md", "second/gate.md", "well.md"}


def test_preview_changes_nothing(session: Session, corpus: str, tmp_path: Path) -> None:
    first = folder(tmp_path / "first", gate=GATE, roof=ROOF)
    assert counts(preview(session, first, corpus)) == (2, 0, 0, 0, 0)
    assert not list(session.store.list(f"corpora/{corpus}"))
    ingest(session, first, corpus)
    before = {key: session.store.get(key) for key in session.store.list(f"corpora/{corpus}")}
    folder(tmp_path / "first", gate="The gate is shut.", shed="A shed.")
    (tmp_path / "first" / "roof.md").unlink()
    (tmp_path / "first" / "photo.xyz").write_bytes(b"no document")
    foreseen = preview(session, first, corpus)
    (source,) = foreseen["sources"]
    assert (source["added"], source["changed"], source["deleted"]) == (
        ["shed.md"], ["gate.md"], ["roof.md"],
    )  # fmt: skip
    assert [failure["doc_id"] for failure in source["failed"]] == ["photo.xyz"]
    assert {
        key: session.store.get(key) for key in session.store.list(f"corpora/{corpus}")
    } == before
    done = ingest(session, first, corpus)
    assert counts(done) == counts(foreseen) == (1, 1, 0, 1, 1)


@pytest.mark.long
def test_killed_ingest_of_a_second_source_leaves_the_first_as_it_was(
    session: Session, corpus: str, tmp_path: Path
) -> None:
    first = folder(tmp_path / "first", gate=GATE, roof=ROOF)
    texts = {f"well-{number}": f"Well number {number} is deep." for number in range(9)}
    second = folder(tmp_path / "second", **texts)
    live = session.corpora.generation(corpus, ingest(session, first, corpus)["generation"])

    def half_embedded() -> bool:
        return session.vectors.count(live.collection) > live.chunks

    arguments = ["ingest", second, "--corpus", corpus]
    kill_when(half_embedded, arguments, environment(session.settings))
    assert session.corpora.live(corpus) == live
    assert counts(preview(session, second, corpus)) == (9, 0, 2, 0, 0)
    assert counts(ingest(session, first, corpus)) == (0, 0, 2, 0, 0)
    assert documents(session, corpus) == {"gate.md", "roof.md"}
    ingest(session, second, corpus)
    assert counts(remove_source(session, corpus, first)) == (0, 0, 9, 2, 0)
    assert len(documents(session, corpus)) == 9
