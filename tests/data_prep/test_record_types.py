"""Columns as data frames and exports write them: ids, titles and metadata come out as meant, or are told."""

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster.settings import StoreSettings
from data_prep.documents.listed import Listing
from data_prep.documents.parse import parse_record
from data_prep.documents.reading import SourceReader
from tests.listings import listed, reasons

ZONE = timezone(timedelta(hours=2))


def records(listing: Listing) -> list[dict[str, Any]]:
    reader = SourceReader(StoreSettings())
    return [json.loads(reader.read(source)) for source in listing.sources]


def parquet(folder: Path, **columns: Any) -> Path:
    path = folder / "a.parquet"
    arrays = {
        name: value if isinstance(value, pa.Array) else pa.array(value)
        for name, value in columns.items()
    }
    pq.write_table(pa.table(arrays), path, row_group_size=2)
    return path


def lines(folder: Path, *rows: Any) -> Path:
    path = folder / "a.jsonl"
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(texts), "utf-8", "surrogatepass")
    return path


def metadata(folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    return records(listed(lines(folder, {"id": "a", "text": "x", **row})))[0]["metadata"]


@pytest.mark.parametrize(
    ("value", "title"),
    [(2026, "2026"), (1984.0, "1984"), (2.5, "2.5"), (True, "True"), (None, ""), (math.nan, ""),
     (["A", "B"], "A B"), ("", "")],
)  # fmt: skip
def test_title_of_any_plain_type_is_text(tmp_path: Path, value: object, title: str) -> None:
    assert records(listed(lines(tmp_path, {"text": "x", "title": value})))[0]["title"] == title


def test_title_that_is_a_structure_is_told_and_the_record_kept(tmp_path: Path) -> None:
    listing = listed(lines(tmp_path, {"text": "x", "title": {"de": "A"}}))
    assert records(listing)[0]["title"] == ""
    assert any("column title" in kind for kind in listing.ignored)


@pytest.mark.parametrize(
    ("value", "id"),
    [(8.0, "8"), (0, "0"), (-3, "-3"), (10**30, str(10**30)), ("a b", "a b")],
)
def test_id_of_a_whole_number_or_text_names_the_record(
    tmp_path: Path, value: object, id: str
) -> None:
    assert listed(lines(tmp_path, {"_id": value, "text": "x"})).sources[0].doc_id == id


@pytest.mark.parametrize("value", [7.5, 1e300, math.nan, None, "", True, ["a"], {"a": 1}])
def test_id_that_names_nothing_is_told(tmp_path: Path, value: object) -> None:
    listing = listed(lines(tmp_path, {"_id": value, "text": "x"}, {"_id": "ok", "text": "y"}))
    assert [source.doc_id for source in listing.sources] == ["ok"]
    assert "'_id' must be text or a whole number" in reasons(listing)["a.jsonl:1"]


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        (pa.array([1.0, 2.0]), ["1", "2"]),
        (pa.array([Decimal("7.00"), Decimal("8.50")]), ["7.00", "8.50"]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        (pa.array([b"a", b"\xff\x00"]), ["a", "ff00"]),
        (pa.array([date(2026, 1, 2), date(2026, 1, 3)]), ["2026-01-02", "2026-01-03"]),
        (pa.array([7, 2**63], pa.uint64()), ["7", str(2**63)]),
        (pa.array([UUID(int=7).bytes, UUID(int=8).bytes], pa.uuid()), [str(UUID(int=7)), str(UUID(int=8))]),
    ],
)  # fmt: skip
def test_ids_of_columns_of_parquet(tmp_path: Path, values: pa.Array, ids: list[str]) -> None:
    listing = listed(parquet(tmp_path, id=values, text=["x", "y"]))
    assert [source.doc_id for source in listing.sources] == ids


def test_metadata_keep_what_a_filter_can_ask_for(tmp_path: Path) -> None:
    kept = {
        "tags": ["food", "paid"], "nested": {"dept": "HR", "floor": 3}, "year": 2024, "price": 1.5,
        "paid": True, "empty": [], "people": [{"name": "A"}, {"name": "B"}], "place": [52.5, 13.4],
    }  # fmt: skip
    assert metadata(tmp_path, kept) == kept


def test_missing_values_are_no_metadata(tmp_path: Path) -> None:
    row = {"a": None, "b": math.nan, "c": {"d": None, "e": 1}, "f": [None, "x"], "g": ""}
    listing = listed(lines(tmp_path, {"text": "x", **row}))
    assert records(listing)[0]["metadata"] == {"c": {"e": 1}, "f": ["x"]}
    assert not listing.ignored


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (math.inf, "an infinite number"),
        ("x" * 301, "text of more than 300 characters"),
        ([0.5] * 768, "list of more than 32 numbers"),
        ({"a": [1] * 40}, "list of more than 32 numbers"),
        (["word"] * 500, "list or object of more than 2,000 characters"),
        (json.loads("[" * 20 + "]" * 20), "nested deeper than 8 levels"),
    ],
)
def test_what_is_not_kept_is_counted_by_column(tmp_path: Path, value: object, why: str) -> None:
    rows = [{"id": n, "text": "x", "extra": value, "year": n} for n in range(3)]
    listing = listed(lines(tmp_path, *rows))
    assert listing.ignored == {f"column extra is not kept as metadata ({why})": 3}
    assert [record["metadata"] for record in records(listing)] == [{"year": n} for n in range(3)]


def test_very_many_columns_that_are_not_kept_are_counted_together(tmp_path: Path) -> None:
    listing = listed(lines(tmp_path, *({"text": f"{n}", f"c{n}": "x" * 400} for n in range(200))))
    assert len(listing.ignored) < 60
    assert sum(listing.ignored.values()) == 200


def test_columns_beside_an_object_of_metadata_are_kept_too(tmp_path: Path) -> None:
    listing = listed(
        lines(
            tmp_path,
            {"text": "x", "metadata": {"lang": "de", "note": "n" * 400}, "year": 1, "lang": "en"},
        )
    )
    assert records(listing)[0]["metadata"] == {"lang": "de", "note": "n" * 400, "year": 1}
    assert listing.ignored == {
        "column lang is not kept as metadata (metadata has one of that name)": 1
    }


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ("plain", {"metadata": "plain"}),
        ([1], {"metadata": [1]}),
        ("{", {"metadata": "{"}),
    ],
)
def test_metadata_of_another_type_stop_no_record(
    tmp_path: Path, value: object, found: object
) -> None:
    assert metadata(tmp_path, {"metadata": value}) == found


def test_too_large_metadata_lose_their_largest_fields(tmp_path: Path) -> None:
    listing = listed(
        lines(
            tmp_path, {"text": "x", "metadata": {"a": "1", "big": "x" * 40_000, "b": ["y"] * 100}}
        )
    )
    assert records(listing)[0]["metadata"] == {"a": "1", "b": ["y"] * 100}
    assert [kind for kind in listing.ignored if "column big" in kind and "32,000 bytes" in kind]


def test_typed_columns_of_parquet_become_plain_json(tmp_path: Path) -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=ZONE)
    path = parquet(
        tmp_path, text=["x"], day=[date(2026, 1, 2)], naive=[datetime(2026, 1, 2, 3, 4)],
        zoned=pa.array([when], pa.timestamp("us", "Europe/Berlin")),
        nanos=pa.array([1_700_000_000_000_000_001], pa.timestamp("ns")),
        kind=pa.array(["a"]).dictionary_encode(), amount=[Decimal("1.50")],
        exact=[Decimal("1234567890123456.78")], map=pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
        tags=[["a", "b"]], nested=[{"dept": "HR", "when": date(2026, 1, 2)}],
        long=pa.array([timedelta(seconds=90)]), none=pa.nulls(1),
    )  # fmt: skip
    (record,) = records(listed(path))
    found = record["metadata"]
    assert found.pop("nanos").startswith("2023-11-14")
    assert datetime.fromisoformat(found.pop("zoned")) == when.astimezone(UTC)
    assert found == {
        "day": "2026-01-02", "naive": "2026-01-02T03:04:00", "kind": "a", "amount": 1.5,
        "exact": "1234567890123456.78", "map": {"k": 1}, "tags": ["a", "b"],
        "nested": {"dept": "HR", "when": "2026-01-02"}, "long": 90.0,
    }  # fmt: skip


def test_vectors_and_bytes_of_parquet_are_counted_and_never_read(tmp_path: Path) -> None:
    path = parquet(
        tmp_path, text=["x", "y", "z"], embedding=[[0.1]] * 3, picture=[b"\x89PNG"] * 3,
        fixed=pa.array([[0.5] * 64] * 3, pa.list_(pa.float32(), 64)), tokens=[[1, 2], [3] * 99, None],
    )  # fmt: skip
    listing = listed(path)
    assert listing.ignored == {
        "column embedding is not kept as metadata (a vector)": 3,
        "column picture is not kept as metadata (bytes)": 3,
        "column fixed is not kept as metadata (list of more than 32 numbers)": 3,
        "column tokens is not kept as metadata (list of more than 32 numbers)": 1,
    }
    assert [record["metadata"] for record in records(listing)] == [{"tokens": [1, 2]}, {}, {}]


def test_value_that_cannot_be_decoded_costs_no_other(tmp_path: Path) -> None:
    broken = pa.array([b"good", b"\xff\xfe", b"fine"]).view(pa.string())
    far = pa.array([0, 2**40, 1], pa.timestamp("s"))
    listing = listed(parquet(tmp_path, id=[1, 2, 3], text=broken, note=broken, when=far))
    assert [source.doc_id for source in listing.sources] == ["1", "3"]
    assert "'text' must be text, got a value that cannot be read" in reasons(listing)["a.parquet:2"]
    assert [record["metadata"]["note"] for record in records(listing)] == ["good", "fine"]


def test_text_in_parts_is_joined_into_paragraphs(tmp_path: Path) -> None:
    listing = listed(parquet(tmp_path, id=[1, 2], text=[["One.", "Two."], []]))
    assert (
        parse_record(SourceReader(StoreSettings()).read(listing.sources[0])).text == "One.\n\nTwo."
    )
    assert "'text' must be text, got list" in reasons(listing)["a.parquet:2"]


def test_text_of_bytes_is_decoded(tmp_path: Path) -> None:
    listing = listed(parquet(tmp_path, id=[1, 2], text=["Größe".encode(), b"\xff"]))
    assert records(listing)[0]["text"] == "Größe"
    assert "bytes that are not UTF-8" in reasons(listing)["a.parquet:2"]


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "x", "n": ' + "9" * 5000 + "}", '\ufeff{"text": "x"}', '{"text": "x"}\r',
        '\n\n{"text": "x"}\n \n',
        '{"text": "x", "meta": "\\ud800"}', '{"text": "x", "n": NaN, "i": -Infinity}',
        '{"text": "x", "d": ' + "[" * 500 + "]" * 500 + "}",
        '{"text": "x", "": 1}', '{"text": "x", "id": "\\u0000"}',
    ],
)  # fmt: skip
def test_odd_lines_are_records(tmp_path: Path, line: str) -> None:
    listing = listed(lines(tmp_path, line))
    assert not listing.failures
    assert [record["text"] for record in records(listing)] == ["x"]


def test_numbers_beyond_64_bits_are_text(tmp_path: Path) -> None:
    row = {"small": 2**63 - 1, "large": 2**63, "deep": {"n": -(2**70)}}
    assert metadata(tmp_path, row) == {
        "small": 2**63 - 1, "large": str(2**63), "deep": {"n": str(-(2**70))},
    }  # fmt: skip
