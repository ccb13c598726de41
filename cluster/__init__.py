"""The ground all stages stand on. Imports none of our other packages.

| module | holds |
|---|---|
| settings | the one tree of settings and where each value came from |
| errors, records, keys | the exception tree, what crosses a border, ids and object keys |
| prompts, quotes | rendering and parsing of prompts, finding quotes: the same in training and serving |
| objects, artifacts | object store (folder or S3), directories published with their manifest last |
| models, embedder | weights on disk, text -> vectors |
| vectors, milvus_lite, retrieval | Milvus collections, the embedded server, question -> chunks |
| corpora, adapters | what is live: generations of a corpus, versions of an adapter |
| runtime, console, doctor, cli | Ray, terminal, checks, command line |
"""
