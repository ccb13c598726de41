"""Questions -> answers with citations, over HTTP, from one base model and many adapters.

The life of a request to `POST /v1/chat/completions`:

1. `border`, `gateway`, `schema`: it gets an id, its body is validated; what we do not do is refused
   by name (`problems`).
2. `adapters`: the model name becomes an exact version; unknown names end here with 404.
3. `answer` asks `retriever`: question -> chunks of the corpus' live generation. Milvus down means
   `degraded` or 503, nothing found means closed book or a refusal.
4. `answer` renders the prompt (`cluster.prompts`) with as many documents as fit and sends it to
   `generator`, which leases the adapter (`adapters.AdapterCache`) and streams from its `engine`.
5. `rendering` shows quotes as “X” [n] where they are verbatim in document n; `citations` says where.
6. `chat`, `replies`: one JSON body or server-sent events, ended by the deadline or a hang-up, which
   free the engine's slot.

`app` composes this as Ray Serve deployments Gateway -> Retriever, Generator (`scaling`, `config`);
everything else is plain Python that knows no Ray. The parts meet in `ports` and `engine.protocol`.
"""
