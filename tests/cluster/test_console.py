"""Progress that a log can be read by: a rate that is a number, what is left, and the last state."""

import pytest

from cluster.console import Console, rate_text


@pytest.mark.parametrize(
    ("per_s", "text"),
    [
        (1234.5, "1234/s"),
        (12, "12/s"),
        (2.44, "2.4/s"),
        (0.4, "0.4/s"),
        (0.07, "4.2/min"),
        (1e-3, "3.6/h"),
    ],
)
def test_rate_is_never_zero(per_s: float, text: str) -> None:
    assert rate_text(per_s) == text


def test_progress_without_a_terminal_ends_with_its_last_state(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Console().progress("parse", 2, "documents") as progress:
        progress.note("3 pages")
        progress.advance(2)
    line = capsys.readouterr().err.strip()
    assert line.startswith("parse: 2/2 documents, ")
    assert line.endswith("/s, 3 pages")


def test_progress_of_a_stage_that_fails_says_nothing_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="bad"), Console().progress("parse", 2, "documents"):
        raise ValueError("bad")
    assert capsys.readouterr().err == ""


def test_narrow_table_keeps_ids_whole_and_cuts_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    name, reason = "7d3b5d0f96c1-b4176fc9dff8", "unsupported/" * 12
    Console().table("failed", ("generation", "chunks", "reason"), [[name, "12", reason]])
    out = capsys.readouterr().out
    assert name in out
    assert "…" not in out
    assert "".join(out.split("│")).replace(" ", "").replace("\n", "").count("unsupported/") == 12
