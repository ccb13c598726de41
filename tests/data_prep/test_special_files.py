"""FIFOs, sockets, devices, files without an end: listed, never waited for, also where one comes later."""

import os
import re
import socket
from pathlib import Path

import pytest

from cluster.settings import IngestSettings, StoreSettings
from data_prep.documents.reading import SourceReader
from data_prep.documents.sources import list_sources
from tests.listings import folder_with_neighbour, listed, names, reasons, write


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return folder_with_neighbour(tmp_path)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket may have 108 bytes only
        server.bind(path.name)
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (os.mkfifo, "a FIFO"),
        (bind, "a socket"),
        (lambda path: path.symlink_to("/dev/zero"), "a link to outside the source"),
    ],
)
@pytest.mark.parametrize("name", ["pipe.txt", "corpus.jsonl", "rows.parquet", "photo.png"])
def test_special_file_is_listed_and_never_opened(
    source: Path, make: object, kind: str, name: str
) -> None:
    make(source / name)  # type: ignore[operator]
    listing = listed(source)
    assert names(listing) == ["gate.md"]
    assert kind in reasons(listing)[name]


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/tty"])
def test_link_to_a_device_is_not_read_even_where_links_are_followed(
    source: Path, target: str
) -> None:
    (source / "z.txt").symlink_to(target)
    assert "is a character device" in reasons(listed(source, follow_links=True))["z.txt"]


@pytest.mark.parametrize("linked", [False, True])
def test_special_file_as_the_source_itself_is_listed(tmp_path: Path, linked: bool) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "link.txt").symlink_to("pipe.txt")
    listing = listed(tmp_path / ("link.txt" if linked else "pipe.txt"))
    assert "is a FIFO and no regular file" in listing.failures[0].reason


def test_pipe_of_a_shell_as_the_source_is_listed() -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs Linux's /proc")
    read, write = os.pipe()
    try:
        listing = listed(f"/proc/self/fd/{read}")  # as `openbook ingest <(command)` gives it
    finally:
        os.close(read)
        os.close(write)
    assert "is a FIFO" in listing.failures[0].reason


def test_pattern_lists_a_special_file_that_it_names(source: Path) -> None:
    os.mkfifo(source / "pipe.txt")
    assert names(listed(source / "*.md")) == ["gate.md"]
    assert set(reasons(listed(source / "*.txt"))) == {"pipe.txt"}


def test_file_that_tells_no_size_is_read_within_the_limit(source: Path) -> None:
    if not Path("/proc/self/pagemap").exists():
        pytest.skip("needs Linux's /proc")
    (source / "short.txt").symlink_to("/proc/version")
    (source / "endless.txt").symlink_to("/proc/self/pagemap")
    listing = listed(source, follow_links=True, max_file_mib=2)
    assert names(listing) == ["gate.md", "short.txt"]
    assert "says 0 bytes, ingest.max_file_mib allows 2" in reasons(listing)["endless.txt"]


def test_file_that_became_something_else_since_it_was_listed_is_not_read(source: Path) -> None:
    (item,) = listed(source).sources
    reader = SourceReader(StoreSettings())
    secret = source.parent / "secret"
    secret.write_bytes((source / "gate.md").read_bytes())
    for make in (os.mkfifo, lambda path: os.symlink(secret, path), os.mkdir):
        (source / "gate.md").unlink(missing_ok=True)
        make(source / "gate.md")
        with pytest.raises(OSError, match=r"FIFO|symbolic|folder"):
            reader.read(item)


def test_record_file_that_became_a_pipe_since_it_was_listed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "text": "One"}\n')
    (item,) = listed(path).sources
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="is a FIFO"):
        SourceReader(StoreSettings()).read(item)


def test_file_that_grew_since_it_was_listed_is_not_read(source: Path) -> None:
    (item,) = listed(source).sources
    with (source / "gate.md").open("a") as file:
        file.write("more")
    with pytest.raises(OSError, match="changed"):
        SourceReader(StoreSettings()).read(item)


@pytest.mark.parametrize("swapped", ["parts", "parts/deep", "parts/deep/a.md"])
def test_place_that_becomes_a_link_to_outside_while_it_is_listed_is_not_read(
    source: Path, swapped: str
) -> None:
    write(source, "parts/deep/a.md")
    write(source.parent, "secret/deep/a.md")
    secret = source.parent / "secret" / swapped.removeprefix("parts").removeprefix("/")

    def swap(files: int, read: int) -> None:
        if files == 2 and not (source / swapped).is_symlink():
            (source / swapped).rename(source.parent / "moved")
            (source / swapped).symlink_to(secret)

    listing = list_sources(str(source), IngestSettings(), StoreSettings(), swap)
    assert names(listing) == ["gate.md"]
    assert re.search("changed|symbolic", reasons(listing)["parts/deep/a.md"])
