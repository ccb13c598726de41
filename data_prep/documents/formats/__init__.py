"""One parser a family of formats: bytes -> `Parsed`, or ParseError with the reason and what to do.

Files are hostile input to large third-party parsers. What those raise becomes a ParseError; what they
do beside (never ending, eating memory, crashing) is held by the process that `sandbox` runs
them in.
"""
