"""The settings of training sets: RAFT, CPT, and the teacher that writes questions. Part of one tree."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from cluster.sections import Fraction, Section


class RaftSettings(Section):
    """RAFT sets: `oracle_fraction` is P in the paper (§3); `distractors` documents beside the oracle.

    `candidates` is how many hits the retriever is asked for to choose distractors from; questions
    travel to it in batches of `batch_size`. Of the distractors, `same_document_share` are other chunks
    of the oracle documents and `random_share` any chunks of the corpus; the rest is what the retriever
    confuses with the oracle. Texts that resemble each other as much as `near_duplicate` (Jaccard over
    word triples) count as one: as distractors, as questions, and across splits.

    `oracle_mode` retrieval-aligned keeps the oracle exactly where the retriever returns it within a
    context of the example's size. Without its oracle an example teaches, by `absent_policy`: the answer
    with the reasoning that needs no document (memorise, the paper's choice but for the quote), the
    abstention, or the bare answer.

    `given_splits` of a question file are kept, or checked (a training document that test questions
    share is an error), or enforced (such training questions are dropped). `max_tokens` bounds prompt
    and target as the tokenizer of `models.base` counts them: distractors go first. `poison_fraction` of
    the examples get a distractor that carries an instruction.
    """

    distractors: int = Field(3, ge=0, le=50)
    candidates: int = Field(20, ge=1, le=1000)
    batch_size: int = Field(32, ge=1)
    oracle_fraction: Fraction = 0.8
    oracle_mode: Literal["fraction", "retrieval-aligned"] = "fraction"
    absent_policy: Literal["memorise", "abstain", "answer-without-quote"] = "memorise"
    same_document_share: Fraction = 0.0
    random_share: Fraction = 0.0
    near_duplicate: float = Field(0.8, gt=0, le=1)
    given_splits: Literal["keep", "check", "enforce"] = "keep"
    drop_duplicates: bool = True
    drop_unclear: bool = True
    require_literal_answer: bool = False
    max_tokens: int | None = Field(None, ge=64)
    poison_fraction: Fraction = 0.0
    seed: int = 0

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        shares = self.same_document_share + self.random_share
        if shares > 1:
            raise ValueError(
                f"same_document_share + random_share is {shares:g}; together they may be 1 at most, "
                "the rest are hard distractors: lower one of them"
            )
        return self


class CptSettings(Section):
    """CPT sets: corpus text packed to `tokens` tokens of the base model's tokenizer a row.

    `validation_fraction` of the documents are held out, whole and with all that nearly equal them.
    """

    tokens: int = Field(1024, ge=64)
    validation_fraction: Fraction = 0.05
    near_duplicate: float = Field(0.8, gt=0, le=1)
    seed: int = 0


class TeacherSettings(Section):
    """The model that writes questions and answers, at any OpenAI-compatible `url` (usually ends in /v1).

    A run may spend `max_cost_usd` and `max_tokens` (both directions together), counting earlier runs
    for the same set; prices are in USD per million tokens. `limit_chunks` are drawn by `raft.seed`,
    none of fewer than `min_chunk_tokens`. An endpoint may allow so many requests and tokens a minute.
    A call has `timeout_s` for each of its `attempts`; waits double from `retry_wait_s`, and none is
    longer than `max_wait_s`. `question_tokens` (a question) and `answer_tokens` bound what is written;
    newer models take that bound as `max_completion_tokens`. No `temperature` leaves it to the endpoint.
    """

    url: str = ""
    model: str = ""
    api_key: SecretStr | None = None
    questions_per_chunk: int = Field(3, ge=1, le=50)
    limit_chunks: int | None = Field(None, ge=1)
    min_chunk_tokens: int = Field(24, ge=0)
    max_cost_usd: float | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, ge=1)
    input_usd_per_million: float | None = Field(None, ge=0)
    output_usd_per_million: float | None = Field(None, ge=0)
    concurrency: int = Field(8, ge=1, le=1024)
    requests_per_minute: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0)
    timeout_s: float = Field(120.0, gt=0)
    attempts: int = Field(6, ge=1)
    retry_wait_s: float = Field(1.0, ge=0)
    max_wait_s: float = Field(60.0, ge=0)
    question_tokens: int = Field(80, ge=8)
    answer_tokens: int = Field(800, ge=16)
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: float | None = Field(0.0, ge=0, le=2)
