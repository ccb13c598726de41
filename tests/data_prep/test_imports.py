"""Anyone's fine-tuning file becomes the same conversations whatever its format, and bad rows are named."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cluster.console import Console
from cluster.errors import InputError
from cluster.records import Conversation, Turn
from cluster.session import Session
from cluster.settings import Settings
from data_prep.dataset_cli import dataset
from data_prep.sets.conversations import BadRow, Format, detect_format, read_turns
from data_prep.sets.exports import export
from data_prep.sets.imports import ImportOrder, import_set
from tests.training_sets import example

ASKED, SAID = "Is the lamp warm?", "Yes, it glows."
PAIR = (Turn("user", ASKED), Turn("assistant", SAID))
SYSTEM = Turn("system", "Be brief.")
ROWS: list[tuple[Format, dict[str, Any], tuple[Turn, ...]]] = [
    (
        "messages",
        {"messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}]},
        PAIR,
    ),
    (
        "messages",
        {"messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": ASKED}]},
            {"role": "assistant", "content": "No.", "weight": 0},
            {"role": "user", "content": "Sure?"},
            {"role": "assistant", "content": SAID, "weight": 1},
        ]},
        (SYSTEM, PAIR[0], Turn("assistant", "No.", False), Turn("user", "Sure?"), PAIR[1]),
    ),
    ("prompt-completion", {"prompt": f"{ASKED}\n\n", "completion": f" {SAID}"}, PAIR),
    (
        "prompt-completion",
        {"prompt": [{"role": "user", "content": ASKED}],
         "completion": [{"role": "assistant", "content": SAID}]},
        PAIR,
    ),
    ("alpaca", {"instruction": ASKED, "input": "", "output": SAID}, PAIR),
    (
        "alpaca",
        {"instruction": "Answer.", "input": ASKED, "output": SAID, "system": "Be brief."},
        (SYSTEM, Turn("user", f"Answer.\n\n{ASKED}"), PAIR[1]),
    ),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": SAID}]},
        PAIR,
    ),
    (
        "sharegpt",
        {"system": "Be brief.", "conversations": [
            {"role": "user", "content": ASKED}, {"role": "assistant", "content": SAID}]},
        (SYSTEM, *PAIR),
    ),
]  # fmt: skip


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(Settings(home=tmp_path / "home"), Console(quiet=True))


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def pairs(count: int) -> list[dict[str, str]]:
    return [{"prompt": f"Lamp {n}?", "completion": f"Warm {n}."} for n in range(count)]


def imported(session: Session, path: Path, **options: Any) -> list[Conversation]:
    report = import_set(session, ImportOrder(path, "chats", **options))
    spec = f"chats@{report['version']}"
    return [
        *session.datasets.read_conversations(spec, "train"),
        *session.datasets.read_conversations(spec, "validation"),
    ]


@pytest.mark.parametrize(("format", "row", "turns"), ROWS)
def test_row_of_every_format_is_told_and_read(
    format: Format, row: dict[str, Any], turns: tuple[Turn, ...]
) -> None:
    assert detect_format(row) == format
    assert read_turns(row, format) == turns


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"messages": "hello"}, "turns are no list.*'hello'.*'role' and 'content'"),
        ({"instruction": "a", "output": "b"}, "no 'messages'.*format messages has messages"),
        (
            {"messages": [{"role": "user", "content": "a"},
                          {"role": "assistant", "content": "b \ud83d"}]},
            r"half a character.*ud83d",
        ),
        ({"messages": []}, "last turn is not the assistant's"),
        ({"messages": [{"role": "user", "content": "a"}]}, "last turn is not the assistant's"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "unknown role.*'tool'.*assistant"),
        ({"messages": [{"content": "a"}]}, "a turn without 'role'"),
        ({"messages": [{"role": "user", "content": None}]}, "a turn that is no text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "is no text"),
        ({"messages": [{"role": "user", "content": " "}]}, "an empty turn of the user"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "no turn of the user"),
        (
            {"messages": [{"role": "user", "content": "a"},
                          {"role": "assistant", "content": "b", "weight": 0.5}]},
            "weight is neither 0 nor 1",
        ),
        (
            {"messages": [{"role": "user", "content": "a"},
                          {"role": "assistant", "content": "b", "weight": 0}]},
            "to be learned",
        ),
        ([1, 2], "not an object"),
    ],
)  # fmt: skip
def test_row_that_teaches_nothing_says_why(row: Any, says: str) -> None:
    with pytest.raises(BadRow, match=says):
        read_turns(row, "messages")


def test_row_of_no_known_format_lists_its_keys() -> None:
    with pytest.raises(BadRow, match=r"has answer, question; expected messages, conversations"):
        detect_format({"question": "a", "answer": "b"})


@given(value=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["messages", "role", "content", "prompt", "completion", "weight", "from"]),
        inner, max_size=3),
    max_leaves=8,
))  # fmt: skip
def test_row_of_any_shape_is_read_or_refused(value: Any) -> None:
    with suppress(BadRow):
        assert read_turns(value, detect_format(value))[-1].role == "assistant"


@pytest.mark.parametrize("format", ["messages", "prompt-completion", "alpaca", "sharegpt"])
def test_import_reads_what_export_writes(session: Session, tmp_path: Path, format: Format) -> None:
    lamps = [example("lamp"), example("bulb")]
    for name in ("out.jsonl", "out.parquet"):
        export(lamps, format, "raft", tmp_path / name)
        found = imported(session, tmp_path / name)
        assert len(found) == 2
        for conversation, lamp in zip(found, lamps, strict=True):
            assert lamp.question in conversation.messages[-2].content
            assert conversation.messages[-1].content.endswith(lamp.answer)


def test_import_files_of_every_kind_give_the_same_conversations(
    session: Session, tmp_path: Path
) -> None:
    rows = pairs(5)
    lines = imported(session, write_lines(tmp_path / "a.jsonl", rows))
    (tmp_path / "b.json").write_text(json.dumps(rows, indent=1))
    assert imported(session, tmp_path / "b.json") == lines
    (tmp_path / "b.json").write_text(json.dumps(rows), "utf-8-sig")
    assert imported(session, tmp_path / "b.json") == lines
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    assert imported(session, tmp_path / "c.parquet") == lines
    assert [one.messages[1].content for one in lines] == [row["completion"] for row in rows]


def test_import_bad_row_is_named_and_nothing_is_published(session: Session, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [*pairs(2), {"prompt": "and?", "completion": ""}])
    with pytest.raises(InputError, match=r"a\.jsonl, row 3: an empty turn.*--skip-bad"):
        import_set(session, ImportOrder(path, "chats"))
    assert session.datasets.names() == []


def test_import_skips_bad_rows_and_counts_them(session: Session, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [*pairs(2), {"prompt": "and?", "completion": ""}])
    with open(path, "a") as file:
        file.write("{broken\n\n[]\n")
    report = import_set(session, ImportOrder(path, "chats", skip_bad=True))
    assert report["rejected"] == {
        "an empty turn of the assistant": 1, "not JSON": 1, "not an object": 1,
    }  # fmt: skip
    assert report["examples"]["train"] == 2


@pytest.mark.parametrize("first", ["{broken", '{"question": "a"}', '{"prompt": "a"}'])
def test_import_skips_a_bad_first_row_too(session: Session, tmp_path: Path, first: str) -> None:
    path = write_lines(tmp_path / "a.jsonl", pairs(2))
    path.write_text(f"{first}\n{path.read_text()}")
    report = import_set(session, ImportOrder(path, "chats", skip_bad=True))
    assert (report["examples"]["train"], sum(report["rejected"].values())) == (2, 1)


def test_import_counts_a_row_with_half_a_character_as_bad(session: Session, tmp_path: Path) -> None:
    cut = {"prompt": "and \ud83d?", "completion": "Warm."}
    path = write_lines(tmp_path / "a.jsonl", [cut, *pairs(2)])
    report = import_set(session, ImportOrder(path, "chats", skip_bad=True))
    assert report["rejected"] == {"half a character": 1}


def test_import_of_rows_that_are_all_bad_is_refused(session: Session, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"question": "a"}, [1]])
    with pytest.raises(InputError, match=r"no row of a known format; expected rows of messages"):
        import_set(session, ImportOrder(path, "chats", skip_bad=True))


def test_import_takes_a_repeated_conversation_once(session: Session, tmp_path: Path) -> None:
    report = import_set(
        session, ImportOrder(write_lines(tmp_path / "a.jsonl", pairs(3) + pairs(2)), "chats")
    )
    assert (report["examples"]["train"], report["repeated"]) == (3, 2)


def test_import_again_is_unchanged_and_another_file_another_version(
    session: Session, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", pairs(3))
    first = import_set(session, ImportOrder(path, "chats"))
    again = import_set(session, ImportOrder(path, "chats"))
    assert (again["version"], again["unchanged"]) == (first["version"], True)
    other = import_set(session, ImportOrder(write_lines(path, pairs(4)), "chats"))
    assert other["version"] != first["version"]


def test_import_validation_is_a_share_that_only_content_decides(
    session: Session, tmp_path: Path
) -> None:
    rows = pairs(200)
    options = {"validation": 0.2}
    found = imported(session, write_lines(tmp_path / "a.jsonl", rows), **options)
    held_out = {one.id for one in found if one.split == "validation"}
    assert 20 <= len(held_out) <= 60
    turned = imported(session, write_lines(tmp_path / "b.jsonl", rows[::-1]), **options)
    assert {one.id for one in turned if one.split == "validation"} == held_out


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"x", "ends in .jsonl, .ndjson, .json, .parquet"),
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b'{"question": "a"}\n', "row 1: no known format.*question"),
        ("a.parquet", b"PAR", "not readable as Parquet"),
        ("a.json", b"[1", "is not JSON"),
        ("a.json", b"[" * 100_000, "is not JSON"),
    ],
)
def test_import_of_what_is_no_such_file_is_refused(
    session: Session, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        import_set(session, ImportOrder(tmp_path / name, "chats"))


def test_import_of_a_damaged_parquet_file_is_refused(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(pairs(2000)), path)
    content = bytearray(path.read_bytes())
    content[100:200] = b"\xff" * 100
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet cannot be read to its end"):
        import_set(session, ImportOrder(path, "chats"))


def test_import_of_a_missing_file_is_refused(session: Session, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read.*No such file"):
        import_set(session, ImportOrder(tmp_path / "none.jsonl", "chats"))


def test_import_and_show_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBOOK_HOME", str(tmp_path / "home"))
    path = write_lines(tmp_path / "tone.jsonl", [ROWS[1][1], *(row for _, row, _ in ROWS[:1])])
    run = CliRunner()
    told = run.invoke(dataset, ["import", str(path), "--name", "tone"], catch_exceptions=False)
    assert "imported: 2 train, 0 validation, 0 test conversations" in told.stdout
    shown = run.invoke(dataset, ["show", "tone"], catch_exceptions=False).stdout
    for text in ("tone.jsonl, format messages", "assistant (not learned): No.", ASKED):
        assert text in shown
    listed = run.invoke(dataset, ["list", "--json"], catch_exceptions=False).stdout
    assert json.loads(listed)["datasets"][0]["kind"] == "instruct"
