"""`openbook ask`: a question to a running server. Light: it loads neither Ray nor torch."""

from typing import Annotated

import typer
from rich.console import Console

from cluster.options import ConfigFlag, JsonFlag, SetFlag, open_session
from serve.client import Client, server_url
from serve.transcript import Transcript


def ask(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    model: Annotated[
        str, typer.Option(help="base, ADAPTER, ADAPTER@VERSION or ADAPTER@ALIAS.")
    ] = "base",
    corpus: Annotated[
        str | None, typer.Option(help="Answer from this corpus; else the server's own, if any.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="A server other than that of serve.port.")] = None,
    json_output: JsonFlag = False,
    config: ConfigFlag = None,
    overrides: SetFlag = None,
) -> None:
    """A streamed, cited answer in the terminal."""
    with open_session(json_output, config, overrides) as session:
        settings = session.settings.serve
        where = url or server_url(settings.host, settings.port)
        client = Client(where.removesuffix("/v1"), settings.request_timeout_s)
        rag = {"corpus": corpus, "mode": "on"} if corpus else {"mode": "auto"}
        turns = [{"role": "user", "content": question}]
        body = {"model": model, "messages": turns, "rag": rag}
        if json_output:
            session.console.result(client.ask(body))
            return
        transcript = Transcript(Console())
        for chunk in client.stream(body):
            transcript.show(chunk)
        transcript.end()
