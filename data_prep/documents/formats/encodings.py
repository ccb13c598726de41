"""Which encoding bytes of before Unicode are in: the one in which a language has such letters.

All encodings with one byte a character read any bytes as something, so validity says nothing. The letters
beyond ASCII of a language come in known shares, and stand in words: `Größe` is German as cp1252, and as
cp1250 it is Polish letters that Polish does not have. The best pair of encoding and language is right for
97 % and more of samples of 200 bytes.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

_SAMPLE = 1 << 14  # bytes of the lines that are looked at
# the letters beyond ASCII of languages, the most frequent first, and the encodings they are written in
_WESTERN = ("cp1252", "iso8859_15", "mac_roman", "cp850")
_CENTRAL = ("cp1250", "iso8859_2", "cp852", "mac_latin2")
_CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic")
_BALTIC = ("cp1257", "iso8859_13", "cp775")
_LANGUAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("üäöß", _WESTERN), ("éèà«»êîôœçùûëâï", _WESTERN), ("óáíúñéü¿¡", _WESTERN), ("ãçíáéóúõêàâºª", _WESTERN),
    ("èàòùéìç", _WESTERN), ("åøæé", _WESTERN), ("äöåé", _WESTERN), ("éëóïçáöè", _WESTERN),
    ("íáéúó", _WESTERN), ("áíðéþöóæúý", _WESTERN), ("éàóèçíòúü·", _WESTERN), ("äõüöšž", _WESTERN),
    ("łżąśóęćńź", _CENTRAL), ("íářčýéžěůšóúňťď", _CENTRAL), ("áýíéžťúčľšôóäĺňďŕ", _CENTRAL),
    ("áéóíöőüúű", _CENTRAL), ("čšž", _CENTRAL), ("čšćžđ", _CENTRAL), ("ășțîâşţ", _CENTRAL),
    ("оаеинтсрлвпмдкьыузяйчбгфжюхцшщёэъ", _CYRILLIC),
    ("оанивтерікслдпмуязйчбьгфжюхєцшщїґ", ("cp1251", "koi8_u", "mac_cyrillic")),
    ("аныревлмтдкзсьіупячцоэгўбйфшжюхё", ("cp1251",)),
    ("аеноитрсвдплзкмъябучйжфцгщхшю", _CYRILLIC),
    ("аеионрстудкпвмјзлбгњчшцљжћхђфџѓќѕ", ("cp1251", "iso8859_5")),
    ("αοετνιρημσπκςίλυδγόέήχάφωθύβξώζψϊ", ("cp1253", "iso8859_7", "mac_greek")),
    ("ıçşüğöâîİ", ("cp1254", "mac_turkish")),
    ("šėįųžąūčę", _BALTIC), ("āīēšūņļķžģč", _BALTIC), ("äõüöšž", _BALTIC),
    ("יוהלאתרבשמנעכדחקפטזגצםןסךףץ", ("cp1255", "iso8859_8")),
    ("اليمنوترهبدعسفحةكقأجشطصخىضذإثغءئزظآؤلا،", ("cp1256", "iso8859_6")),
    ("ากนรอมเยลวงสทต่ดป้คีิะหไัแขบพชใ็จผโซถศธุูณฟษัญภฉึืำ์ๆฝฐฎฏฌฮฤฆฑฒ", ("cp874",)),
)  # fmt: skip
# signs that stand in texts of any language
_SIGNS = frozenset("\u00a0“”„‘’‚«»‹›–—…•·°§©®™€£¥±×½¼¾²³µ†‡№¿¡\n")
_CAPITAL, _SIGN, _STRANGE = 0.15, 0.02, 1e-5
_TORN = 1e-3  # letters that no word has beside each other
_MOST_STRANGE = 0.06  # of the characters beyond ASCII in a text that is in one of these
_MOST_TORN = 0.1
# what is rare needs more letters to be believed: encodings of DOS and Mac, languages that are not Western
_RARE_ENCODING, _RARE_LANGUAGE = 1.5, 3.0
# a capital after a small letter; letters of two scripts, or a sign, in one word
_IN_WORD = re.compile(
    r"[a-zß-öø-ÿ\u0430-\u045fα-ω](?=[À-ÖØ-Þ\u0400-\u042fΑ-Ω])|[a-zA-Z](?=[\u0370-\u1fff])"
    r"|[\u0370-\u1fff](?=[a-zA-Z])|[a-z\u00c0-\u1fff][©®™£¥±×½¼¾²³µ†‡¿¡“„«‹•§€](?=[a-z\u00df-\u1fff])"
)
_BEYOND = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")
# encodings, the first of equally good ones counts, and the first bytes that the standard each comes from
# gives to frequent characters
_EAST_ASIAN = (
    ("cp949", "euc_kr", range(0xB0, 0xC9)), ("cp932", "euc_jp", range(0xB0, 0xD0)),
    ("gb18030", "gb2312", range(0xB0, 0xD8)), ("big5", "big5", range(0xA4, 0xC7)),
    ("euc_jp", "euc_jp", range(0xB0, 0xD0)), ("cp950", "big5", range(0xA4, 0xC7)),
)  # fmt: skip
_EAST_ASIAN_SIGNS = frozenset(
    "、。，．・：；？！「」『』（）〈〉《》【】“”‘’…—～ー　０１２３４５６７８９％"
)
_USUAL = 0.7
# printable ASCII, letters with accents, Greek to Thai, signs, kana, ideographs, hangul, wide forms
_PLAIN = re.compile(
    r"[\t\n\r -~\u00a0-\u024f\u0370-\u0e5b\u2010-\u2026\u3000-\u3002\u300a-\u3011\u3041-\u30ff\u4e00-\u9fff"
    r"\uac00-\ud7a3\uff01-\uff9f]+"
)
_PLAUSIBLE = 0.95
_ASCII_PAIRS = 0.8  # share of them above which bytes are no UTF-16, for all its ideographs
_CONTROLS = bytes(range(9))
_MANY_CONTROLS = 0.2  # first bytes of Greek to Thai letters
_IS_ASCII = bytes(32 <= byte < 127 for byte in range(256))
_ISO_2022 = (b"\x1b$B", b"\x1b$@", b"\x1b(J", b"\x1b(I")
_EBCDIC_BLANK, _BLANK = 0x40, 0x20


def one_byte_encoding(data: bytes) -> str | None:
    """The encoding of one byte a character that fits; None when no language has such letters."""
    sample = _sample(data)
    best, most = None, -math.inf
    for encoding, languages in _by_encoding().items():
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        counts = Counter(character for character in text if character > "\x7f")
        torn = len(_IN_WORD.findall(text))
        if torn > max(1, _MOST_TORN * counts.total()) or any(c <= "\x9f" for c in counts):
            continue  # the latter are control characters
        for rarity, shares in languages:
            strange = sum(count for letter, count in counts.items() if letter not in shares)
            if strange > _MOST_STRANGE * counts.total():
                continue
            score = (
                torn * math.log(_TORN)
                - rarity
                + sum(
                    count * math.log(shares.get(letter, _STRANGE))
                    for letter, count in counts.items()
                )
            )
            if score > most and _reads(data, encoding):
                best, most = encoding, score
    return best


def two_byte_encoding(data: bytes) -> str | None:
    """The encoding of East Asia in which most characters are frequent ones; None when there is none."""
    sample, shares = _sample(data), {}
    for encoding, standard, leads in _EAST_ASIAN:
        text = sample.decode(encoding, "ignore")
        counts = Counter(character for character in text if character > "\x7f")
        if counts and _reads(data, encoding):
            usual = sum(n for character, n in counts.items() if _usual(character, standard, leads))
            shares[encoding] = round(usual / counts.total(), 1)
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= _USUAL else None


def _usual(character: str, standard: str, leads: range) -> bool:
    """Whether a character is of the first level of a standard, which holds the frequent ones."""
    if character in _EAST_ASIAN_SIGNS or (
        "\u3041" <= character <= "\u30ff" and standard == "euc_jp"
    ):
        return True
    try:
        return character.encode(standard)[0] in leads
    except UnicodeEncodeError:
        return False


def wide_encoding(data: bytes) -> str | None:
    """UTF-16 without its mark in any script: blanks and line ends hold zeros, which other texts never do."""
    sample = data[:_SAMPLE]
    if len(data) % 2 or b"\0" not in sample or _ASCII_PAIRS * len(sample) < _ascii(sample):
        return None
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls < _MANY_CONTROLS * len(sample) and _reads(data, "utf-8"):
        return None  # a text with a stray zero
    shares = {name: _plausible(sample, name) for name in ("utf-16-le", "utf-16-be")}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _PLAUSIBLE and _reads(data, best) else None


def _ascii(sample: bytes) -> int:
    """How many bytes stand in pairs that are both printable ASCII."""
    even, odd = sample[::2].translate(_IS_ASCII), sample[1::2].translate(_IS_ASCII)
    both = int.from_bytes(even, "big") & int.from_bytes(odd, "big")
    return 2 * both.bit_count()


def _plausible(sample: bytes, encoding: str) -> float:
    """The share of characters that texts consist of."""
    text = sample.decode(encoding, "replace")
    return sum(map(len, _PLAIN.findall(text))) / max(1, len(text))


def is_japanese_mail(data: bytes) -> bool:
    """Whether bytes are ISO-2022-JP, which switches alphabets by escape sequences of ASCII."""
    return (
        any(mark in data for mark in _ISO_2022)
        and data.isascii()
        and _reads(data, "iso2022_jp_ext")
    )


def is_ebcdic(data: bytes) -> bool:
    """Whether bytes are a text of mainframes, in which a blank is `@` and letters lie beyond ASCII."""
    sample = data[: 1 << 16]
    beyond = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    blanks = sample.count(_EBCDIC_BLANK)
    return beyond > 0.5 * len(sample) and blanks > max(
        0.05 * len(sample), 10 * sample.count(_BLANK)
    )


def _sample(data: bytes) -> bytes:
    """The first lines that hold something beyond ASCII."""
    found, size = [], 0
    for match in _BEYOND.finditer(data):
        found.append(match[0][: _SAMPLE - size])
        size += len(found[-1])
        if size >= _SAMPLE:
            break
    return b"".join(found)


def _reads(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


@cache
def _by_encoding() -> Mapping[str, list[tuple[float, dict[str, float]]]]:
    """For each encoding its languages: how rare both are, and the shares of letters."""
    found: dict[str, list[tuple[float, dict[str, float]]]] = {}
    for letters, encodings in _LANGUAGES:
        shares = dict(_shares(letters))
        rare = 0.0 if encodings is _WESTERN else _RARE_LANGUAGE
        for place, encoding in enumerate(encodings):
            found.setdefault(encoding, []).append((rare + place * _RARE_ENCODING, shares))
    return found


def _shares(letters: str) -> Iterator[tuple[str, float]]:
    """About how often each letter is among those beyond ASCII, capitals and signs included."""
    whole = sum(1 / (rank + 2) for rank in range(len(letters)))
    for rank, letter in enumerate(letters):
        share = 1 / (rank + 2) / whole
        yield letter, share
        if letter.upper() != letter and len(letter.upper()) == 1:
            yield letter.upper(), share * _CAPITAL
    yield from ((sign, _SIGN) for sign in _SIGNS if sign not in letters)
