"""Texts of before Unicode are read in the encoding that fits; what is no text is refused."""

# ruff: noqa: E501  whole sentences and documents

import random
import struct

import pytest

from data_prep.documents.formats.parsed import ParseError, clean
from data_prep.documents.formats.text import decode

SENTENCES = {
    "de": "Die Pumpe läuft für drei Stunden ohne Öl.|Schließen Sie das Ventil gründlich.|Größe und Maß prüfen.|"
    "Übermäßige Wärme schadet den Dichtungen.|Der Schlüssel gehört zum Zubehör.|Wasser kühlt das Gehäuse.",
    "fr": "La pompe s'arrête après l'été.|Où est la clé à molette ?|Vérifiez le câble électrique.|"
    "Le réservoir a été nettoyé.|Ça ne gêne pas le système.|L'eau très froide abîme les pièces.",
    "es": "La presión máxima está en la página.|Añada agua limpia según el diseño.|¿Dónde está el tapón?|"
    "La válvula cerró ayer.|Los pequeños tornillos son útiles.",
    "pl": "Pompa działa bez oleju przez trzy godziny.|Zamknij zawór i sprawdź ciśnienie.|Części są w pudełku.|"
    "Należy używać czystej wody.|Źródło zasilania znajduje się niżej.|Wyłącz urządzenie i poczekaj.",
    "cs": "Čerpadlo běží tři hodiny bez oleje.|Uzavřete ventil a zkontrolujte tlak.|Díly jsou v krabici.|"
    "Používejte jen čistou vodu.|Příliš vysoká teplota škodí těsnění.|Šroub patří k příslušenství.",
    "hu": "A szivattyú három órán át működik.|Zárja el a szelepet, és ellenőrizze a nyomást.|Csak tiszta vizet használjon.|"
    "A túl nagy hő árt a tömítésnek.|Az alkatrészek a dobozban vannak.|A kulcs a tartozékokhoz tartozik, győződjön meg róla.",
    "ru": "Насос работает три часа без масла.|Закройте клапан и проверьте давление.|Детали лежат в коробке.|"
    "Используйте только чистую воду.|Слишком высокая температура вредит уплотнениям.|Ключ входит в комплект.",
    "uk": "Насос працює три години без оливи.|Закрийте клапан і перевірте тиск.|Деталі лежать у коробці.|"
    "Використовуйте лише чисту воду, її якість є важливою.|Ключ входить до комплекту.",
    "el": "Η αντλία λειτουργεί τρεις ώρες χωρίς λάδι.|Κλείστε τη βαλβίδα και ελέγξτε την πίεση.|Τα εξαρτήματα είναι στο κουτί.|"
    "Χρησιμοποιείτε μόνο καθαρό νερό.|Η υψηλή θερμοκρασία βλάπτει.",
    "tr": "Pompa yağsız üç saat çalışır.|Vanayı kapatın ve basıncı ölçün.|Parçalar kutunun içindedir.|"
    "Yalnızca temiz su kullanın.|Aşırı sıcaklık contalara zarar verir, dikkat edin.",
    "ja": "ポンプは油なしで三時間動きます。|弁を閉めて圧力を確認してください。|部品は箱の中にあります。|きれいな水だけを使います。|"
    "高い温度はパッキンを傷めます。",
    "zh": "水泵可以在没有油的情况下运行三个小时。|关闭阀门并检查压力。|零件在盒子里。|只能使用干净的水。|温度过高会损坏密封件。",
    "tw": "水泵可以在沒有油的情況下運行三個小時。|關閉閥門並檢查壓力。|零件在盒子裡。|只能使用乾淨的水。|溫度過高會損壞密封件。",
    "ko": "펌프는 기름 없이 세 시간 동안 작동합니다.|밸브를 닫고 압력을 확인하십시오.|부품은 상자 안에 있습니다.|"
    "깨끗한 물만 사용하십시오.|온도가 너무 높으면 손상됩니다.",
    "he": "המשאבה פועלת שלוש שעות ללא שמן.|סגרו את השסתום ובדקו את הלחץ.|החלקים נמצאים בקופסה.|השתמשו רק במים נקיים.",
    "ar": "تعمل المضخة ثلاث ساعات بدون زيت.|أغلق الصمام وافحص الضغط.|القطع موجودة في الصندوق.|استخدم الماء النظيف فقط.",
    "th": "ปั๊มทำงานสามชั่วโมงโดยไม่ใช้น้ำมัน|ปิดวาล์วและตรวจสอบความดัน|ชิ้นส่วนอยู่ในกล่อง|ใช้น้ำสะอาดเท่านั้น",
}
ENCODINGS = {
    "de": ("cp1252", "mac_roman", "cp850", "utf-16-le"), "fr": ("cp1252", "iso8859_15", "mac_roman"),
    "es": ("cp1252",), "pl": ("cp1250", "iso8859_2"), "cs": ("cp1250", "iso8859_2"),
    "hu": ("cp1250", "iso8859_2"), "ru": ("cp1251", "koi8_r", "cp866", "iso8859_5", "utf-16-le", "utf-16-be"),
    "uk": ("cp1251", "koi8_u"), "el": ("cp1253", "iso8859_7", "utf-16-be"), "tr": ("cp1254",),
    "ja": ("shift_jis", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be"), "zh": ("gbk", "gb18030", "utf-16-le"),
    "tw": ("big5", "utf-16-be"), "ko": ("euc_kr", "cp949", "utf-16-le"), "he": ("cp1255",), "ar": ("cp1256",),
    "th": ("cp874",),
}  # fmt: skip
PAIRS = [(language, encoding) for language, names in ENCODINGS.items() for encoding in names]
SAMPLES = 200


@pytest.mark.parametrize(("language", "encoding"), PAIRS)
def test_texts_of_200_bytes_are_read_in_their_encoding(language: str, encoding: str) -> None:
    pick = random.Random(f"{language} {encoding}")
    wrong = []
    for _ in range(SAMPLES):
        text = _sample(pick, language, encoding)
        if decode(text.encode(encoding)) != text:
            wrong.append(text)
    assert len(wrong) <= 0.05 * SAMPLES, wrong[:2]


def _sample(pick: random.Random, language: str, encoding: str) -> str:
    lines: list[str] = []
    while len("\n".join(lines).encode(encoding)) < 200:
        lines.append(pick.choice(SENTENCES[language].split("|")))
    return "\n".join(lines)


@pytest.mark.parametrize("sign", "®©°éü§²–€™")
def test_one_sign_in_english_is_that_of_western_windows(sign: str) -> None:
    text = f"The pump{sign} has 7 bolts. " + "Tighten them crosswise and check the seal.\n" * 40
    assert decode(text.encode("cp1252")) == text
    assert decode(f"{sign} 2024".encode("cp1252")) == f"{sign} 2024"


def test_bytes_that_no_encoding_explains_cost_no_text() -> None:
    text = "Tighten the bolts crosswise.\n" * 100
    strange = bytes(range(128, 256))
    assert decode(text.encode() + strange) == text + clean(strange.decode("cp1252", "replace"))


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_stray_zeros_do_not_make_ideographs_of_a_text(encoding: str) -> None:
    text = "Tighten\0 the bolts,\0 says René.\n"
    assert decode(text.encode(encoding)) == text.replace("\0", "")


def test_mainframe_text_is_refused_with_its_name() -> None:
    with pytest.raises(ParseError, match="EBCDIC"):
        decode(("The pump has 7 bolts. " * 20).encode("cp037"))


@pytest.mark.parametrize(
    "data",
    [
        random.Random(1).randbytes(4000),
        struct.pack("<600H", *(n % 20 for n in range(600))),
        struct.pack("<600f", *range(600)),
    ],
)
def test_numbers_and_noise_are_no_text(data: bytes) -> None:
    with pytest.raises(ParseError, match="not text"):
        decode(data)


def test_markup_of_many_megabytes_is_decoded_by_a_sample() -> None:
    text = "Schließen Sie das Ventil gründlich.\n" * 60_000
    assert decode(text.encode("cp1252")) == text
