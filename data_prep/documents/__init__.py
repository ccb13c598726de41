"""Sources -> documents: where they lie, what format they have, and parsing that nothing can crash.

    location ─▶ folders, objects, records ─▶ Listing ─▶ bytes ─▶ sandbox [parse ─▶ cut] ─▶ Parsed

| where | what |
|---|---|
| locations, folders, patterns, uris | files below a folder or prefix; patterns; addresses that lead back |
| records/ | rows of JSONL and Parquet as documents, with their metadata |
| sources, listed, reading | a location -> sources, failures and counts; the bytes of a source again |
| formats/ | a parser a format |
| parse, cutting | what runs in the sandbox: bytes -> text -> spans |
| sandbox, parse_process | the process it runs in, with limits of time and memory |
"""
