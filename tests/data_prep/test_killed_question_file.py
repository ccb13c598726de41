"""Writing questions survives SIGKILL at any point: the same file, and no recorded answer asked again."""

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cluster.objects import open_store
from data_prep.teacher.ledger import CallLedger, ledger_prefix
from data_prep.teacher.question_file import QuestionRequest, write_questions
from tests.fake_teacher import FakeTeacher, Trouble
from tests.taught_corpus import CORPUS, MODEL, publish_corpus, taught

ROOT = Path(__file__).parents[2]
COUNT, KILLS, CONCURRENCY = 100, 20, 4
RUN = """
import sys
from pathlib import Path
from data_prep.teacher.question_file import QuestionRequest, write_questions
from tests.taught_corpus import CORPUS, taught
write_questions(taught(Path(sys.argv[1]), sys.argv[2]), QuestionRequest(CORPUS, "pumps"))
"""


class Killer:
    """Kills a run a random moment after a random number of answers."""

    def __init__(self, server: FakeTeacher, home: Path, choice: random.Random) -> None:
        self._server, self._home, self._choice = server, home, choice

    def run_and_kill(self) -> int:
        """The exit code of the run: -9 unless it was faster than its death."""
        after = self._server.answered.total() + self._choice.randint(0, 4)
        moment_s = self._choice.random() * 0.03
        armed = threading.Event()

        def strike(key: str, attempt: int) -> Trouble | None:
            if self._server.answered.total() >= after and not armed.is_set():
                armed.set()
                threading.Timer(moment_s, process.kill).start()
            return None

        self._server.trouble = strike
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(self._home), self._server.url],
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        process.communicate()
        return process.returncode


def recorded(home: Path) -> set[str]:
    """Calls that a next run knows, from the object store and the journal of this machine."""
    store = open_store(taught(home, "http://t").settings)
    (journal,) = (home / "teacher").glob("*.journal")
    ledger = CallLedger(store, ledger_prefix(CORPUS, MODEL), journal)
    return {reply.key for reply in ledger.replies()}


@pytest.mark.endurance
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_run_killed_twenty_times_pays_for_no_recorded_answer_again(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        publish_corpus(taught(tmp_path / name, "http://t").settings, COUNT)
    with FakeTeacher() as server:
        whole = write_questions(
            taught(tmp_path / "whole", server.url), QuestionRequest(CORPUS, "pumps")
        )

    home, known = tmp_path / "killed", [dict[str, int]()]
    with FakeTeacher(delay_s=0.03) as server:
        killer = Killer(server, home, random.Random(7))
        for _ in range(KILLS):
            assert killer.run_and_kill() == -9
            known.append({key: server.attempts[key] for key in recorded(home)})
            assert known[-2].keys() <= known[-1].keys()
        server.trouble = lambda key, attempt: None
        last = write_questions(taught(home, server.url), QuestionRequest(CORPUS, "pumps"))

    assert last.path.read_bytes() == whole.path.read_bytes()
    for calls in known:
        assert all(server.attempts[key] == asked for key, asked in calls.items())
    # an answer that was still under way when its run died is asked for once more, no other
    assert server.attempts.total() <= 3 * COUNT + KILLS * CONCURRENCY
    assert last.report["calls"]["asked"] + last.report["calls"]["reused"] == 3 * COUNT
