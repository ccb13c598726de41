"""Numbers as a spreadsheet shows them: percentages, currencies, dates, durations, by their format code.

Codes are those of ECMA-376 part 1, 18.8.31. Dates are written as ISO 8601 whatever the order of their parts,
because a code does not say which country's order a reader sees.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

GENERAL = "General"
# codes that a file need not spell out (18.8.30); dates as most countries order them
BUILTIN = {
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0', 6: '"$"#,##0', 7: '"$"#,##0.00',
    8: '"$"#,##0.00', 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: "mm-dd-yy",
    15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "m/d/yy h:mm", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)", 41: '#,##0;-#,##0;"-"', 42: '"$"#,##0;-"$"#,##0;"-"',
    43: '#,##0.00;-#,##0.00;"-"', 44: '"$"#,##0.00;-"$"#,##0.00;"-"', 45: "mm:ss", 46: "[h]:mm:ss",
    47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
_SECTION = re.compile(r'(?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[]|["\[\\])*')
_TOKEN = re.compile(
    r'"(?P<text>[^"]*)"|\\(?P<escaped>.)|_(?P<gap>.)|\*.|\[\$(?P<symbol>[^\]-]*)[^\]]*\]|\[[^\]]*\]'
    r"|(?P<general>general)|(?P<digits>[0#?.,]*[0#?][0#?.,]*(?:E[+-]0+)?)|(?P<other>.)",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\[[<>=]")
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE_LETTER = re.compile(r"[ymdhs]", re.IGNORECASE)
_MINUTES = re.compile(r"(?<=h)([^a-z]*)m+|m+(?=[^a-z]*s)", re.IGNORECASE)
_HALF_DAY = re.compile(r"am/pm|a/p", re.IGNORECASE)
_WINDOWS, _MAC = datetime(1899, 12, 30), datetime(1904, 1, 1)
_DAYS = 2_958_466  # the first day that a spreadsheet cannot show: 10000-01-01
_LEAP = 60  # day 60 of Windows is 1900-02-29, which never was
_MAX_DECIMALS = 30

Show = Callable[[float], str]


@lru_cache(maxsize=1 << 14)
def shown(number: str, code: str, mac: bool = False) -> str:
    """A stored number as its format code shows it; `mac` counts days from 1904. Text stays."""
    try:
        value = float(number)
    except ValueError:
        return number
    if not math.isfinite(value):
        return number
    return _compiled(code, mac)(value).strip() or _general(value)


def _general(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    text = f"{value:.15g}"
    return text if "e" not in text or abs(value) < 1e-9 else f"{Decimal(text):f}"


@lru_cache(maxsize=1 << 12)
def _compiled(code: str, mac: bool) -> Show:
    """How to show values by a code."""
    if code.strip(";") in {"", GENERAL, "@"} or _CONDITION.search(code):
        return _general
    sections = [found for found in _SECTION.findall(code) if found] or [code]
    bare = _LITERAL.sub("", sections[0])
    if (
        _DATE_LETTER.search(bare)
        and "general" not in bare.lower()
        and not re.search(r"[0#?]", bare)
    ):
        return _dated(bare, mac)
    if re.search(r"\[[hms]+\]", bare, re.IGNORECASE) or re.search(r"s\.0+", bare, re.IGNORECASE):
        return _dated(bare, mac)
    shows = [_section(section) for section in sections[:3]]

    def show(value: float) -> str:
        if value < 0 and len(shows) > 1:
            return shows[1](-value)
        if value == 0 and len(shows) > 2:
            return shows[2](value)
        return ("-" if value < 0 else "") + shows[0](abs(value)).lstrip()

    return show


def _section(section: str) -> Show:
    """How to show a value that is not negative by one section of a code."""
    tokens = [
        (match.lastgroup or "", match[match.lastgroup or 0]) for match in _TOKEN.finditer(section)
    ]
    runs = [text for group, text in tokens if group == "digits"]
    others = "".join(text for group, text in tokens if group == "other")
    if len(runs) > 1 and "/" in others:
        return _general  # a fraction
    scale = 100.0 ** others.count("%")

    def show(value: float) -> str:
        digits = iter([_digits(value * scale, runs[0])] if len(runs) == 1 else _spread(value, runs))
        parts = []
        for group, text in tokens:
            if group == "digits":
                parts.append(next(digits))
            elif group == "general":
                parts.append(_general(value))
            elif group == "gap":
                parts.append(" ")
            elif group:
                parts.append(text)
        return "".join(parts)

    return show


def _spread(value: float, runs: list[str]) -> list[str]:
    """The digits of a whole number over several runs, as in `000-00-0000`."""
    digits = f"{value:.0f}".rjust(sum(map(len, runs)), "0")
    parts: list[str] = []
    for run in reversed(runs[1:]):
        parts.append(digits[-len(run) :])
        digits = digits[: -len(run)]
    return [digits, *reversed(parts)] if runs else []


def _digits(value: float, run: str) -> str:
    """A number by one run of digits such as `#,##0.00`."""
    whole, point, rest = run.partition(".")
    if "E" in run.upper():
        mantissa = rest.upper().partition("E")[0]
        return f"{value:.{len(mantissa)}E}"
    bare = whole.rstrip(",")
    thousands = len(run) - len(run.rstrip(",")) + (len(whole) - len(bare) if point else 0)
    scaled = Decimal(repr(value)).scaleb(-3 * thousands)
    most = min(sum(rest.count(mark) for mark in "0#?"), _MAX_DECIMALS)
    rounded = f"{scaled:.{most}f}" if most > 20 else str(_rounded(scaled, most))
    front, _, decimals = rounded.partition(".")
    least = rest.count("0")
    decimals = decimals[:least] + decimals[least:].rstrip("0")
    front = front.lstrip("0").rjust(bare.count("0"), "0")
    if "," in bare and front:
        front = f"{int(front):,}".rjust(len(front), "0")
    return f"{front}.{decimals}" if decimals else front


def _rounded(value: Decimal, decimals: int) -> str:
    if abs(value) > Decimal(10) ** 25:
        return f"{value:.0f}"
    return f"{value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):f}"


def _dated(code: str, mac: bool) -> Show:
    """How to show days since the first by a code without literals."""
    letters = code.lower()
    elapsed = re.search(r"\[[hms]+\]", letters) is not None
    clock = _HALF_DAY.sub("", letters)
    timed, seconds = "h" in clock or "s" in clock, "s" in clock
    dates = _MINUTES.sub(r"\1", clock)

    def show(value: float) -> str:
        if elapsed:
            return _duration(value, seconds)
        if not 0 <= value < _DAYS:
            return _general(value)
        moment = _moment(value, mac)
        day = _day(moment, dates)
        time = f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"
        if not timed or (day and moment.time() == moment.min.time()):
            return day or f"{moment:%Y-%m-%d}"
        return f"{day} {time}" if day else time

    return show


def _moment(value: float, mac: bool) -> datetime:
    days = value + 1 if not mac and 1 <= value < _LEAP else value
    return (_MAC if mac else _WINDOWS) + timedelta(seconds=round(days * 86400))


def _day(moment: datetime, code: str) -> str:
    """The date of a moment, as far as the letters of a code show it."""
    year, month, day = "y" in code, "m" in code, "d" in code
    if day:
        return f"{moment:%Y-%m-%d}"
    if not month:
        return str(moment.year) if year else ""
    name = f"{moment:%B}" if "mmmm" in code else f"{moment:%b}" if "mmm" in code else ""
    if not year:
        return name or f"{moment:%Y-%m}"
    return f"{name} {moment.year}" if name else f"{moment:%Y-%m}"


def _duration(value: float, seconds: bool) -> str:
    whole = round(abs(value) * 86400)
    text = f"{whole // 3600}:{whole // 60 % 60:02}"
    return ("-" if value < 0 else "") + (f"{text}:{whole % 60:02}" if seconds else text)
