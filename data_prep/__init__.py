"""Ray Data: documents -> a searchable corpus, questions + corpus -> training sets. Imports `cluster` only.

    sources ─▶ parse and cut ─▶ (staging) ─▶ embed ─▶ sink ─▶ Milvus           ingest
               in a sandbox        └─▶ generations: chunk files, manifest ─▶ live pointer
    questions ─▶ splits ─▶ oracles ─▶ retriever ─▶ distractors ─▶ raft ─▶ dataset    synth
    chunks ─▶ teacher ─▶ questions                                            synth --teacher
    generation ─▶ packing ─▶ dataset                                          synth --cpt

| where | what |
|---|---|
| documents/ | where documents lie, and what they say |
| .. locations, folders, patterns, uris | where they lie, what is left out, how they are cited |
| .. sources, listed, records/, reading | listing; rows as documents; reading one again |
| .. formats/ | a parser a format: bytes -> text, headings, rows, pages, notices |
| .. parse, cutting, parse_process, sandbox | parsing and cutting in a process with limits |
| chunking/ | text -> spans that fit the embedder, with the headings above them |
| corpus/ | documents -> chunks -> vectors -> a live generation |
| .. sources/ | the places of one corpus, and which document is whose |
| .. chunk, staging, embed, sink | spans -> chunks; the durable first step; Ray's actors |
| .. plan, ledger, report | what changed; what became of each document |
| .. build, index, parts, generations, tables, texts | what a generation is made of, and how it is read |
| .. ingest, local, release, probe | how a build comes about and goes live |
| .. rollback, retention | how it comes back, is removed |
| teacher/ | questions and answers by any OpenAI-compatible endpoint |
| .. client, prompts, replies, screens, written | asking, and what makes an answer usable |
| .. calls, ledger, budget, rate_limit, estimates | nothing paid twice, nothing above the limit |
| .. selection, author, rounds, question_file | which chunks, in which order, into which file |
| sets/ | questions + generation -> RAFT, DSF and CPT sets |
| .. questions, splits, quality, tasks | who trains and who measures; what is left out, and why |
| .. oracles, screen, api_calls, duplicates | what answers, and what only seems not to |
| .. distractors, numbered_chunks, poison, lengths, raft | the parts of a training example |
| .. packing, cpt | documents packed for continued pre-training |
| .. examples, synth, statistics, histograms, card, exports | building, publishing, describing, converting |
| pipeline, *_cli | the Ray Data flows; the verbs |

Every stage can be killed at any point and run again: what is staged, embedded or published is found
by its content-derived name, and readers trust only manifests.
"""
