"""The ledger of calls: what was recorded is found again, whatever died and wherever the next run is."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import UnavailableError
from cluster.objects import LocalStore
from data_prep.teacher.budget import Usage
from data_prep.teacher.calls import Reply, call_key
from data_prep.teacher.ledger import PART_CALLS, CallLedger, ledger_prefix

REPLY = Reply("k", "d", "answer", "q1", "wise", "so „it“ is\n", "stop", 100, 20, "2026-11-22")
PREFIX = "corpora/c/teacher/t"


class FullStore(LocalStore):
    """A store that takes no object, as when its disk is full."""

    def put(self, key: str, data: bytes) -> str:
        raise UnavailableError("no space left")


def ledger(folder: Path, machine: str = "one") -> CallLedger:
    return CallLedger(LocalStore(folder / "store"), PREFIX, folder / machine / "calls.journal")


def replies(count: int) -> list[Reply]:
    return [replace(REPLY, key=f"k{number:04d}") for number in range(count)]


def record(folder: Path, given: Sequence[Reply], machine: str = "one") -> None:
    opened = ledger(folder, machine)
    with opened.open():
        for reply in given:
            opened.record(reply)


def record_and_die(folder: Path, given: Sequence[Reply]) -> None:
    """What is on the disks while a run is recording: all that is left when it is killed there."""
    with tempfile.TemporaryDirectory() as alive:
        running = Path(alive)
        shutil.copytree(folder, running, dirs_exist_ok=True)
        opened = ledger(running)
        with opened.open():
            for reply in given:
                opened.record(reply)
            shutil.rmtree(folder)
            shutil.copytree(running, folder)


def found(ledger: CallLedger) -> dict[str, Reply]:
    return {reply.key: reply for reply in ledger.replies()}


def test_recorded_call_is_found_by_any_machine(tmp_path: Path) -> None:
    record(tmp_path, replies(3))
    assert ledger(tmp_path, "other").get("k0001") == replies(3)[1]
    assert ledger(tmp_path, "other").get("unknown") is None


def test_call_recorded_before_a_crash_is_found_and_moves_into_the_store(tmp_path: Path) -> None:
    record_and_die(tmp_path, replies(3))
    assert list(LocalStore(tmp_path / "store").list(PREFIX)) == []
    assert set(found(ledger(tmp_path))) == {"k0000", "k0001", "k0002"}
    record(tmp_path, [])
    assert set(found(ledger(tmp_path, "other"))) == {"k0000", "k0001", "k0002"}


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_journal_cut_anywhere_keeps_every_whole_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    record_and_die(folder, replies(3))
    journal = folder / "one" / "calls.journal"
    whole = journal.read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    journal.write_bytes(whole[:at])
    # the line break before and after each record is not part of it
    kept = sum(line.strip() == whole.split(b"\n\n")[n].strip() for n, line in
               enumerate(whole[:at].split(b"\n\n")))  # fmt: skip
    assert len(found(ledger(folder))) == kept
    record_and_die(folder, replies(3)[2:])
    assert "k0002" in found(ledger(folder))


def test_append_after_a_torn_line_is_not_lost_with_it(tmp_path: Path) -> None:
    opened = ledger(tmp_path)
    with opened.open():
        (tmp_path / "one" / "calls.journal").write_bytes(b'\n{"key": "torn')
        opened.record(REPLY)
        assert found(ledger(tmp_path)) == {"k": REPLY}


def test_calls_become_few_objects(tmp_path: Path) -> None:
    record(tmp_path, replies(2 * PART_CALLS + 1))
    store = LocalStore(tmp_path / "store")
    assert len(list(store.list(PREFIX))) == 3
    assert len(found(ledger(tmp_path, "other"))) == 2 * PART_CALLS + 1
    record(tmp_path, [])
    assert len(list(store.list(PREFIX))) == 3


def test_call_in_two_parts_counts_once(tmp_path: Path) -> None:
    """A run that died between writing a part and emptying its journal writes these calls again."""
    record_and_die(tmp_path, replies(2))
    left = (tmp_path / "one" / "calls.journal").read_bytes()
    record(tmp_path, replies(3)[2:])
    (tmp_path / "one" / "calls.journal").write_bytes(left)
    record(tmp_path, replies(4)[3:])
    assert ledger(tmp_path, "other").spent("d") == Usage(4, 400, 80)


def test_spending_is_counted_for_the_set_that_paid(tmp_path: Path) -> None:
    first, second, third = replies(3)
    record(tmp_path, [first, replace(second, order="other"), third])
    assert ledger(tmp_path).spent("d") == Usage(2, 200, 40)
    assert ledger(tmp_path).spent("other") == Usage(1, 100, 20)
    assert ledger(tmp_path).spent("nobody") == Usage()


def test_store_that_fails_leaves_the_calls_in_the_journal(tmp_path: Path) -> None:
    broken = CallLedger(FullStore(tmp_path / "store"), PREFIX, tmp_path / "one" / "calls.journal")
    with pytest.raises(UnavailableError), broken.open():
        broken.record(REPLY)
    record(tmp_path, [])
    assert found(ledger(tmp_path, "other")) == {"k": REPLY}


def test_journal_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a file, not a folder")
    with pytest.raises(UnavailableError, match=r"calls\.journal"), ledger(tmp_path).open():
        pass


def test_name_of_a_call_follows_from_what_is_asked() -> None:
    messages, parameters = [{"role": "user", "content": "a"}], {"max_tokens": 5, "temperature": 0}
    key = call_key("m", messages, parameters)
    assert key == call_key("m", messages, dict(reversed(parameters.items())))
    others = [
        call_key("n", messages, parameters),
        call_key("m", [{"role": "user", "content": "b"}], parameters),
        call_key("m", messages, {**parameters, "max_tokens": 6}),
    ]
    assert len({key, *others}) == 4
    assert ledger_prefix("c", "org/model:1 β") != ledger_prefix("c", "org/model:1")
