"""Whatever lies in a folder is read, listed with a reason, or counted; nothing is waited for."""

import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.errors import InputError
from cluster.settings import IngestSettings, StoreSettings
from data_prep.corpus.ledger import Entry
from data_prep.corpus.plan import make_plan
from data_prep.corpus.sources.identities import identify
from data_prep.documents.reading import SourceReader
from data_prep.documents.sources import list_sources
from tests.listings import folder_with_neighbour, listed, names, reasons, write


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return folder_with_neighbour(tmp_path)


@pytest.mark.parametrize("pattern", ["", "*", "**/*.md", "**"])
def test_link_to_outside_is_listed_and_not_read(source: Path, pattern: str) -> None:
    (source / "linked").symlink_to("../elsewhere")
    (source / "roof.md").symlink_to("../elsewhere/roof.md")
    listing = listed(source / pattern)
    assert names(listing) == ["gate.md"]
    assert "ingest.follow_links=true" in reasons(listing)["roof.md"]
    assert ("linked" in reasons(listing)) == (pattern != "*")


def test_link_to_outside_is_read_where_links_are_followed(source: Path) -> None:
    (source / "linked").symlink_to("../elsewhere")
    listing = listed(source, follow_links=True)
    assert names(listing) == ["gate.md", "linked/deep/cellar.md", "linked/roof.md"]
    assert not listing.failures
    assert {item.uri for item in listing.sources} == {
        f"file://{source}/{n}" for n in names(listing)
    }
    reader = SourceReader(StoreSettings())
    assert b"This is elsewhere/roof.md." in [reader.read(item) for item in listing.sources]


@pytest.mark.parametrize("follow", [False, True])
def test_link_to_a_folder_around_it_ends_and_is_listed(source: Path, follow: bool) -> None:
    write(source, "a/b/c.md")
    (source / "loop").symlink_to(".")
    (source / "a" / "b" / "up").symlink_to("../..")
    listing = listed(source, follow_links=follow)
    assert names(listing) == ["a/b/c.md", "gate.md"]
    assert set(reasons(listing)) == {"loop", "a/b/up"}
    assert all("loop" in reason for reason in reasons(listing).values())


def test_folders_that_link_to_each_other_end(source: Path) -> None:
    (source / "out").symlink_to("../elsewhere")
    (source.parent / "elsewhere" / "back").symlink_to("../source")
    (source / "root").symlink_to("/")
    (source / "self.md").symlink_to("self.md")
    (source / "root").unlink()
    listing = listed(source, follow_links=True)
    assert names(listing) == ["gate.md", "out/deep/cellar.md", "out/roof.md"]
    assert "leads nowhere" in reasons(listing)["self.md"]


def test_link_inside_the_source_is_counted_once_and_read_once(source: Path) -> None:
    write(source, "parts/bolt.md")
    (source / "latest.md").symlink_to("gate.md")
    (source / "same").symlink_to("parts")
    listing = listed(source)
    assert names(listing) == ["gate.md", "parts/bolt.md"]
    assert listing.ignored == {"links to what is listed under its own name": 2}


def test_link_to_a_hidden_place_of_the_source_is_read_as_in_a_kubernetes_mount(
    source: Path,
) -> None:
    write(source, "..2026/config.md", "..2026/more/deep.md")
    (source / "..data").symlink_to("..2026")
    (source / "config.md").symlink_to("..data/config.md")
    (source / "more").symlink_to("..data/more")
    listing = listed(source)
    assert names(listing) == ["config.md", "gate.md", "more/deep.md"]
    reader = SourceReader(StoreSettings())
    assert {reader.read(item) for item in listing.sources if item.doc_id == "config.md"} == {
        b"This is ..2026/config.md."
    }


def test_broken_link_is_listed(source: Path) -> None:
    (source / "gone.md").symlink_to("nowhere.md")
    assert "leads nowhere" in reasons(listed(source))["gone.md"]


@pytest.mark.parametrize("target", ["source", "source/gate.md"])
def test_source_that_is_a_link_itself_is_meant(source: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "current.md").symlink_to(target)
    listing = listed(tmp_path / "current.md")
    assert len(listing.sources) == 1
    assert SourceReader(StoreSettings()).read(listing.sources[0]) == b"This is source/gate.md."


def test_hidden_files_and_folders_are_counted(source: Path) -> None:
    write(source, ".git/config.md", "a/.git/config.md", ".env", ".x/y.md", "a/.DS_Store")
    listing = listed(source)
    assert names(listing) == ["gate.md"]
    assert listing.ignored == {
        ".git/ (hidden folder)": 2, "hidden files": 2, ".x/ (hidden folder)": 1,
    }  # fmt: skip


def test_many_kinds_of_hidden_folders_are_counted_together(source: Path) -> None:
    for number in range(100):
        (source / f".hidden{number}").mkdir()
    counts = listed(source).ignored
    assert sum(counts.values()) == 100
    assert len(counts) < 30


def test_hidden_files_alone_are_an_error_that_says_so(tmp_path: Path) -> None:
    write(tmp_path, ".a.md", ".b.md")
    with pytest.raises(InputError, match="holds no files; left out: 2 hidden files"):
        listed(tmp_path)


@contextmanager
def as_nobody() -> Iterator[Path]:
    """A folder whose permissions count; root may read everything."""
    with tempfile.TemporaryDirectory() as name:
        folder, user = Path(name), os.geteuid()
        folder.chmod(0o777)
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)


def test_folder_without_permission_is_listed_and_its_documents_are_not_deleted() -> None:
    with as_nobody() as folder:
        write(folder, "gate.md", "shut/a.md", "shut/b/c.md", "gone.md")
        before = {item.doc_id: item for item in listed(folder).sources}
        (folder / "shut").chmod(0)
        (folder / "gone.md").unlink()
        listing = listed(folder)
        (folder / "shut").chmod(0o777)
    assert names(listing) == ["gate.md"]
    assert "folder cannot be read: Permission denied" in reasons(listing)["shut"]
    entries = {
        name: Entry(
            name,
            item.uri,
            item.content_hash,
            "indexed",
            "",
            item.content_hash,
            1,
            sources=("here",),
        )
        for name, item in before.items()
    }
    plan = make_plan(entries, identify(entries, {"here": listing}).listings)
    assert ([entry.doc_id for entry in plan.gone], plan.unchanged) == (["gone.md"], 3)
    assert plan.settled["shut/b/c.md"] == entries["shut/b/c.md"]


def test_file_without_permission_is_listed() -> None:
    with as_nobody() as folder:
        write(folder, "gate.md", "shut.md")
        (folder / "shut.md").chmod(0)
        assert "Permission denied" in reasons(listed(folder))["shut.md"]


def test_link_that_was_read_before_does_not_stay_searchable(source: Path) -> None:
    (source / "roof.md").symlink_to("../elsewhere/roof.md")
    before = {
        item.doc_id: Entry(
            item.doc_id, item.uri, item.content_hash, "indexed", "", item.content_hash, 1
        )
        for item in listed(source, follow_links=True).sources
    }
    entry = make_plan(before, {"here": listed(source)}).settled["roof.md"]
    assert (entry.state, entry.indexed_hash) == ("failed", "")


def test_name_that_is_no_text_or_too_long_is_listed_by_a_name_of_its_own(tmp_path: Path) -> None:
    for raw in (b"caf\xe9.md", b"caf\xe8.md", b"\xe8.jsonl"):
        (tmp_path / os.fsdecode(raw)).write_text('{"text": "hello"}')
    (tmp_path / "link.md").symlink_to(os.fsdecode(b"/tmp/\xe7/nowhere"))
    (tmp_path / "out").symlink_to(tmp_path.parent)
    (tmp_path / os.fsdecode(b".\xe9")).mkdir()
    deep = tmp_path
    for _ in range(6):
        deep = deep / ("d" * 200)
        deep.mkdir()
    write(deep, "a.md", "b.md")
    listing = listed(tmp_path)
    assert len(reasons(listing)) == len(listing.failures) == 7
    assert {"caf\\xe9.md", "caf\\xe8.md", "\\xe8.jsonl"} < set(reasons(listing))
    assert listing.ignored == {".\\xe9/ (hidden folder)": 1}
    json.dumps([reasons(listing), listing.ignored], ensure_ascii=False).encode()


def test_source_below_a_folder_whose_name_is_no_text_is_told(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"caf\xe9")
    write(root, "a.md")
    assert "not valid UTF-8" in reasons(listed(root))["a.md"]


def test_very_deep_folder_is_listed_without_an_error(tmp_path: Path) -> None:
    write(tmp_path, "gate.md")
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("ddd", dir_fd=here)
        inner = os.open("ddd", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    listing = listed(tmp_path)
    assert names(listing) == ["gate.md"]
    assert "too long" in listing.failures[0].reason
    subprocess.run(["rm", "-rf", tmp_path / "ddd"], check=True)  # too deep for shutil


def test_progress_counts_files_and_bytes(source: Path) -> None:
    write(source, *(f"{n}.txt" for n in range(9)))
    seen: list[tuple[int, int]] = []
    listing = list_sources(
        str(source), IngestSettings(), StoreSettings(), lambda *counts: seen.append(counts)
    )
    assert seen == sorted(seen)
    assert seen[-1] == (10, sum(item.length for item in listing.sources))


def test_many_files_are_listed_fast(tmp_path: Path) -> None:
    for number in range(5000):
        (tmp_path / f"{number}.png").touch()
    write(tmp_path, "gate.md")
    started = time.process_time()
    assert listed(tmp_path).ignored == {".png": 5000}
    assert time.process_time() - started < 5


def test_every_folder_and_file_is_closed(source: Path) -> None:
    write(source, *(f"{n}/{n}.md" for n in range(200)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 50
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 20, hard))
    try:
        assert len(listed(source).sources) == 201
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
