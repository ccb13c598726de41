"""Ray Data: documents -> a searchable corpus, questions + corpus -> training sets. Imports `cluster` only.

    sources ─▶ parse ─▶ chunk ─▶ (staging) ─▶ embed ─▶ sink ─▶ Milvus         ingest
                                    └─▶ generations: chunk files, manifest ─▶ live pointer
    questions ─▶ splits ─▶ oracles ─▶ retriever ─▶ distractors ─▶ raft ─▶ dataset    synth
    chunks ─▶ teacher ─▶ questions                                            synth --teacher
    generation ─▶ packing ─▶ dataset                                          synth --cpt

| where | what |
|---|---|
| documents/ | where documents lie, and what they say |
| .. locations, folders, patterns, uris | where they lie, what is left out, how they are cited |
| .. records/, sources, reading | rows as documents; listing; reading one again |
| .. formats/, parse, parse_process, sandbox | a parser a format; bytes -> text in a process with limits |
| corpus/ | documents -> chunks -> vectors -> a live generation |
| .. chunk, staging, embed, sink | text -> token-exact spans; the durable first step; Ray's actors |
| .. plan, ledger, index, parts, generations | what changed; what became of each document; builds |
| .. ingest, release, probe, rollback, retention | how a build goes live, comes back, is removed |
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
