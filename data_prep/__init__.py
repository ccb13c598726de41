"""Ray Data: documents -> a searchable corpus, questions + corpus -> training sets. Imports `cluster` only.

    sources ─▶ parse ─▶ chunk ─▶ (staging) ─▶ embed ─▶ sink ─▶ Milvus         ingest
                                    └─▶ generations: chunk files, manifest ─▶ live pointer
    questions ─▶ splits ─▶ oracles ─▶ retriever ─▶ distractors ─▶ raft ─▶ dataset    synth
    generation ─▶ packing ─▶ dataset                                          synth --cpt

| module | holds |
|---|---|
| locations, record_files, sources, reading | where documents lie; what to ingest; reading it again |
| formats/, parse, parse_process, sandbox | a parser a format; bytes -> text in a process with limits |
| chunk | text -> token-exact spans |
| plan, ledger, index, parts, generations | what changed; what became of each document; builds |
| release, probe, rollback, retention | a build goes live when it finds itself, comes back, is removed |
| staging, embed, sink | the durable first step; the work of Ray's actors and tasks |
| questions, splits, quality, tasks | who trains and who measures; what is left out, and why |
| oracles, screen, apicalls, duplicates | what answers, and what only seems not to |
| distractors, shelf, poison, lengths, raft | the parts of a training example |
| texts, packing, cpt | documents whole again, and packed for continued pre-training |
| census, histograms | what is in a set, in numbers |
| examples, synth, card, exports | building, publishing, describing and converting a set |
| pipeline, ingest, *_cli | the Ray Data flows; the order of an ingest; the verbs |

Every stage can be killed at any point and run again: what is staged, embedded or published is found
by its content-derived name, and readers trust only manifests.
"""
