"""A mapped file is the list of its rows, at every place, and leaves nothing on the disk."""

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import UnavailableError
from cluster.mapped_rows import MappedRows

Row = dict[str, Any]


def mapped(folder: Path, rows: list[Row], row_group: int) -> MappedRows[Row]:
    schema = pa.schema([("id", pa.int64()), ("parts", pa.list_(pa.string()))])
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "rows", row_group_size=row_group)
    return MappedRows(folder / "rows", dict)


def rows_of(count: int) -> list[Row]:
    return [{"id": number, "parts": ["x"] * (number % 3)} for number in range(count)]


@given(count=st.integers(0, 40), group=st.integers(1, 9), place=st.integers(-50, 50))
def test_mapped_rows_are_the_list_at_every_place(count: int, group: int, place: int) -> None:
    rows = rows_of(count)
    with tempfile.TemporaryDirectory() as folder:
        found = mapped(Path(folder), rows, group)
    assert list(found) == rows
    assert len(found) == count
    assert found[place:] == rows[place:]
    if -count <= place < count:
        assert found[place] == rows[place]
    else:
        with pytest.raises(IndexError, match=f"row {place} of {count}"):
            found[place]


def test_disk_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(UnavailableError, match=r"'rows'.*nowhere'.*TMPDIR"):
        mapped(tmp_path, rows_of(3), 2)


def test_mapped_rows_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    found = mapped(tmp_path, rows_of(2500), 1000)
    assert not list((tmp_path / "temporary").iterdir())
    (tmp_path / "rows").unlink()
    assert found[2499]["id"] == 2499
