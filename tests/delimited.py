"""Delimited files as office programs and libraries write them, in every dialect, from a seed."""

import csv
import io
import random
from dataclasses import dataclass
from typing import Literal

WORDS = {
    "de": "Lampe Kulanz Vorgang verärgert zurückgeschickt Größe; siehe, weil Müller-Lüdenscheidt so „genau“",
    "en": "the lamp's fuse, O'Neil isn't replaced; see ticket #12 and/or 'customer' said 5\" or 3:4",
    "fr": "l'été d'abord, qu'il n'est; à l'école – aujourd'hui où ça « va » bien, garçon",
    "cs": "příliš žluťoučký kůň; úpěl, ďábelské ódy (viz strana) a tak dále: konec",
}  # fmt: skip
NAMES = ("id", "Name", "Preis", "note", "Date", "Qté", "Unit [kg]", "Größe", "Status", "e-mail")
Quoting = Literal[0, 1, 2, 3]


@dataclass(frozen=True)
class Written:
    """A file's text, how to read it, and its rows."""

    text: str
    dialect: str
    rows: list[list[str]]


def written(seed: int) -> Written:
    """A file of 2 to 300 rows in one of the dialects that `csv.writer` has."""
    rng = random.Random(seed)
    delimiter, quote = rng.choice(",;\t|^"), rng.choice('""\'')
    quoting: Quoting = rng.choice(
        (csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)
    )
    language, comma = rng.choice(list(WORDS)), rng.random() < 0.5
    columns = [
        rng.choice(("int", "decimal", "text", "short", "date")) for _ in range(rng.randint(2, 8))
    ]
    rows: list[list[str | int | float]] = []
    if rng.random() < 0.85:
        rows.append([*rng.sample(NAMES, len(columns))])
    for number in range(rng.choice((2, 3, 5, 10, 50, 300))):
        rows.append([_cell(rng, column, language, comma, number) for column in columns])
    out = io.StringIO()
    csv.writer(
        out, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator="\n"
    ).writerows(rows)
    text = out.getvalue()
    kept = list(csv.reader(io.StringIO(text), delimiter=delimiter, quotechar=quote))
    return Written(text, f"{delimiter!r} {quote} quoting={quoting} {language} {columns}", kept)


def _cell(
    rng: random.Random, column: str, language: str, comma: bool, number: int
) -> str | int | float:
    if rng.random() < 0.05:
        return ""
    if column == "int":
        return number * rng.randint(1, 9)
    if column == "decimal":
        value = rng.randint(1, 99999) / 100
        return f"{value:.2f}".replace(".", ",") if comma else value
    if column == "date":
        day, month = rng.randint(1, 28), rng.randint(1, 12)
        return f"{day:02}.{month:02}.2026" if comma else f"2026-{month:02}-{day:02}"
    words = rng.choices(WORDS[language].split(), k=2 if column == "short" else rng.randint(3, 15))
    text = " ".join(words)
    if column == "text" and rng.random() < 0.3:
        text = text.replace(" ", rng.choice((', "so", ', "\n", "; ", ' "a;b" ', "\t", " | ")), 1)
    return text
