"""One parser a format: bytes -> `Parsed`, or ParseError with the reason and what to do.

| where | what |
|---|---|
| parsed, notices | what parsers return and raise; every kind of loss that they tell |
| kinds, names | which format a name and its bytes have |
| titles | titles that say nothing, and what stands for them |
| text, archive | bytes -> text in any encoding; ZIP archives that are safe to unpack |
| plain/, markup/, latex/ | text as it is, Markdown, and markup languages that become Markdown |
| html/, office/, pdf/, layout | pages and documents; `layout` is docling's way to read a PDF |
| tables/ | CSV, Excel, and how rows of any format are spelled out |
| structured/ | JSON, notebooks, mails, XML |

Files are hostile input to large third-party parsers. What those raise becomes a ParseError; what they
do beside (never ending, eating memory, crashing) is held by the process that `sandbox` runs
them in.
"""
