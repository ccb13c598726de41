"""A run's name holds all that decides its weights; requests that cannot work are refused early."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from cluster.console import Console
from cluster.errors import ConflictError, NotFoundError, SettingsError, UsageError
from cluster.prompts import PROMPT_HASH
from cluster.session import Session
from cluster.settings import ModelSettings, Settings
from tests.training_sets import publish_conversations, publish_set, publish_texts
from train.job import make_job, prompt_hash


def open_session(home: Path, **train: object) -> Session:
    settings = Settings(home=home, models=ModelSettings(dtype="float32"))
    changed = settings.train.model_copy(update=train)
    return Session(settings.model_copy(update={"train": changed}), Console(quiet=True))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    publish_set(open_session(tmp_path).store, 2)
    return tmp_path


def run_of(home: Path, mode: str = "raft", **train: object) -> str:
    return make_job(open_session(home, **train), "lamps", mode).run


def test_run_is_the_same_wherever_and_however_fast_it_computes(home: Path) -> None:
    assert run_of(home) == run_of(home, num_workers=4, checkpoint_steps=3, micro_batch_tokens=99)


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"epochs": 9}, {"lora_rank": 2}, {"mode": "dsf"}, {"method": "full"}]
)
def test_run_is_another_when_its_weights_would_be(home: Path, change: dict[str, object]) -> None:
    assert run_of(home) != run_of(home, **change)  # type: ignore[arg-type]


def test_run_is_another_when_the_best_weights_are_kept_and_others_are_looked_at(home: Path) -> None:
    assert run_of(home, validation_examples=3, eval_steps=5) == run_of(home)
    best = run_of(home, keep="best")
    assert best != run_of(home)
    assert best != run_of(home, keep="best", validation_examples=3)


def test_run_is_another_for_other_examples(home: Path) -> None:
    before = run_of(home)
    publish_set(open_session(home).store, 3)
    assert run_of(home) != before


def test_dataset_of_other_prompts_is_refused(home: Path) -> None:
    publish_set(open_session(home).store, 5, prompt_hash="0123")
    with pytest.raises(ConflictError, match=r"lamps@v5.*0123.*openbook synth"):
        run_of(home)


def test_text_packed_for_another_tokenizer_is_refused(home: Path) -> None:
    session = open_session(home)
    publish_texts(session, tokenizer="another model")
    with pytest.raises(ConflictError, match=r"pages@v1.*'another model'.*openbook synth --cpt"):
        make_job(session, "pages", "cpt")


def test_modes_without_our_prompts_do_not_depend_on_them(home: Path) -> None:
    session = open_session(home)
    publish_conversations(session)
    job = make_job(session, "chats", "instruct")
    assert prompt_hash(job.mode) == ""
    assert prompt_hash("raft") == PROMPT_HASH


def test_unknown_dataset_is_refused_with_the_known_ones(home: Path) -> None:
    with pytest.raises(NotFoundError, match="lamps"):
        make_job(open_session(home), "bulbs", "raft")


def test_file_in_place_of_a_dataset_is_to_be_imported_first(home: Path) -> None:
    path = home / "my chats.jsonl"
    path.write_text("{}")
    with pytest.raises(UsageError, match=r"is a file; import it first: openbook dataset import '"):
        make_job(open_session(home), str(path), "instruct")


def test_dataset_with_the_name_of_a_file_is_the_dataset(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    Path("lamps").write_text("{}")
    assert make_job(open_session(home), "lamps", "raft").dataset == "lamps@v2"


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("cpt", "--mode cpt trains on sets of kind 'cpt'.*use --mode raft or dsf"),
        ("instruct", "lamps@v2 is of kind 'raft'"),
        ("rag", "--mode 'rag' does not exist; use raft, dsf, cpt, instruct"),
    ],
)
def test_unsupported_training_says_what_is_supported(home: Path, mode: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make_job(open_session(home), "lamps", mode)


def test_qlora_without_a_gpu_is_refused(home: Path) -> None:
    with pytest.raises(SettingsError, match=r"computed on GPUs only; add --gpu.*--method lora"):
        run_of(home, method="qlora")


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_qlora_without_its_package_is_refused(home: Path) -> None:
    with pytest.raises(SettingsError, match=r"pip install 'openbook\[gpu\]'"):
        run_of(home, method="qlora", use_gpu=True)


def test_all_weights_are_trained_at_a_lower_rate_than_an_adapter(home: Path) -> None:
    def rate(method: str) -> float:
        job = make_job(open_session(home, method=method), "lamps", "raft")
        return job.settings.train.peak_learning_rate

    assert rate("full") < rate("dora") == rate("lora")
    assert run_of(home) == run_of(home, learning_rate=rate("lora"))
