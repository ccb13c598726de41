"""Questions -> answers with citations, over HTTP, from one base model and many adapters.

The life of a request to `POST /v1/chat/completions`:

1. `border`, `gateway`, `schema`: it gets an id, a deadline and its turn (`admission`), its body is
   validated; what we do not do is refused by name (`problems`).
2. `adapters.names`: the model name becomes an exact version; unknown names end here with 404.
3. `answer` asks `retriever`: question -> chunks of the corpus' live generation, in one batch
   (`batcher`) with whoever else asks. Milvus down means `degraded` or 503, nothing found means
   closed book or a refusal.
4. `answer` renders the prompt (`cluster.prompts`) with as many documents as fit and sends it to
   `generator`, one that holds the adapter if that costs no balance (`router`, `affinity`), which
   leases it (`adapters.cache`) and streams from its `engine`.
5. `rendering` shows quotes as “X” [n] where they are verbatim in document n; `citations` says where.
6. `chat`, `replies`: one JSON body or server-sent events, ended by the deadline or a hang-up, which
   free the engine's slot; so does the death of the gateway (`callers`).

`app` composes this as Ray Serve deployments Gateway -> Retriever, Generator (`scaling`, `config`);
`remote` is the calls between them, everything else plain Python that knows no Ray. The parts meet in
`ports` and `engine.protocol`.
"""
