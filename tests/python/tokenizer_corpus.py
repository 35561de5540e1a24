"""Strings that exercise the tokenizer, the same ones every time.

`corpus()` yields (kind, text) pairs, 1,250 of each kind.
"""

import html.entities
import random
import unicodedata

SEED = 20240229
PER_KIND = 1250

WORDS = """a photo of the many bright cats dog person's hydrangea skyscraper zebra-crossing traffic light they're we've
I'll don't he'd I'm o'clock rock'n'roll building house temple antidisestablishmentarianism tattoo origami low-res
photograph COCO ImageNet iPhone NASA McDonald's e-mail U.S.A. naïve café""".split()
SCRIPTS = {
    "accented": "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœšžđłąęćńśźżőűğışăâîșțčďěňřťůøåäöþðÀÉÎÕÜÇÑŠŽŁŐĞİȘŘ",
    "greek": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈ",
    "cyrillic": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЭЮЯ",
    "cjk": "一二三人山川日月水火木金土天地中国語学生東京北京大学校电脑手机图片照片猫狗房屋建筑树木街道汽車飛機あいうえおかきくけこさしすせそアイウエオカキクケコ"
           "ガギグゲゴパピプペポ가나다라마바사아자차카타파하한국어학교사진고양이개𠀀𠮷𪚥㐀々〆ー",
    "indic": "कखगघचछजझटठडढणतथदधनपफबभमयरलवशषसहािीुूेैोौ्ंःঅআইঈকখগতদনপবমরলসািীুேைொோௌ்กขคงจฉชซดตถทนบปผพมยรลวสหอาิีึืุูเแโใไ่้๊๋",
    "rtl": "אבגדהוזחטיכךלמםנןסעפףצץקרשתְֱֲֳִֵֶַָֹּابتثجحخدذرزسشصضطظعغفقكلمنهويىءآأؤإئةًٌٍَُِّْپچژگکیەٹڈں۰۱۲۳٠١٢٣",
}
EMOJI = ["😀", "😂", "🐱", "🐶", "🏠", "🚗", "❤️", "☀️", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇯🇵", "1️⃣", "👨🏿‍🚀", "🧑‍🍳", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "✈", "™️", "🫠"]
QUOTES = list("'\"`´‘’‚‛“”„‟‹›«»ʼʻ′″＇＂") + ["''", "``", "'s", "’s", "‘t", "’re", "'ſ", "’LL", "’D"]
CONTROLS = [chr(c) for c in [*range(0x00, 0x20), 0x7F, *range(0x80, 0xA0), 0xAD, *range(0x200B, 0x2010),
                             *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFE), 0xE0001]]
ESCAPES = ["\x1b[0m", "\x1b[31;1m", "\x1b[m", "\x1b[2J", "\x1b[1;", "\x1b[١m", "\x1b]", "\r\n", "\r", "\n\r\n"]
SPACES = [chr(c) for c in [0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1C, 0x1F, 0x20, 0x85, 0xA0, 0x1680, 0x180E, *range(0x2000, 0x200C),
                           0x2028, 0x2029, 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF]]
MARKS = [chr(c) for c in [*range(0x300, 0x370), *range(0x483, 0x488), *range(0x591, 0x5C0), *range(0x64B, 0x660),
                          0x93C, 0x94D, 0x3099, 0x309A, *range(0x20D0, 0x20F1), 0xFE0F, *range(0x1D165, 0x1D16A)]]
DIGITS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c))[0] == "N"]
ASSIGNED = [chr(c) for c in range(0x20, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
CASED = [c for c in ASSIGNED if c.lower() != c or c.upper() != c]
WIDE = [chr(c) for c in range(0xFF00, 0xFFF0)] + ["\u3000"]
LIGATURES = "ĲĳŉǄǅǆǇǈǉǊǋǌǱǲǳﬀﬁﬂﬃﬄﬅﬆﬓﬔﬕﬖﬗꜲæœ"
ENTITIES = sorted(html.entities.html5)
PUNCTUATION = "!#$%&()*+,-./:;<=>?@[\\]^_{|}~…–—·•§¶†‡¿¡€£¥¢©®°±×÷≤≥≠∞√∑→←↑↓■□●○★☆♥♦♪、。・「」【】《》！？；："
ENCODINGS = ["latin-1", "windows-1252", "windows-1251", "windows-1250", "windows-1253", "windows-1254", "windows-1257", "iso-8859-2",
             "macroman", "cp437"]
SPECIALS = ["<start_of_text>", "<end_of_text>", "<START_OF_TEXT>", "<|startoftext|>", "<|endoftext|>", "<end_of_text",
            "<\u017Ftart_of_text>", "&lt;end_of_text&gt;", "<start_of_text><end_of_text>", "a<end_of_text>b", "</w>", "<pad>"]


def pick(rng, items, low, high):
    return [rng.choice(items) for _ in range(rng.randint(low, high))]


def sentence(rng):
    return " ".join(pick(rng, WORDS, 1, 7))


def mixed(rng, items, joiner=("", " ")):
    """Words and items side by side, with and without a space."""
    out = ""
    for part in pick(rng, [*items, None], 1, 9):
        out += (rng.choice(WORDS) if part is None else part) + rng.choice(joiner)
    return out


def script(rng, letters):
    return " ".join("".join(pick(rng, letters, 1, 12)) for _ in range(rng.randint(1, 5)))


def entity(rng):
    name = rng.choice(ENTITIES)
    number = rng.choice([rng.randint(0, 0x1FF), rng.randint(0, 0x110100), rng.choice([0xD800, 0xFFFE, 0xFDD0, 10**30])])
    return rng.choice([
        "&" + name, "&" + name.rstrip(";"), "&" + name.upper(), "&amp;" + name, "&" + name + rng.choice(WORDS),
        f"&#{number}", f"&#{number};", f"&#x{number:x};", f"&#X{number:X}", f"&amp;#{number};", "&", "&#", "&#x", "&;",
        "&notit;", "&ampamp;", "&#59;", "&amp;amp;lt;", "&lt;b&gt;", "<b>", "&" + "x" * rng.randint(20, 40) + ";", "&é;"])


def long_word(rng):
    letters = rng.choice(["abcdefghijklmnopqrstuvwxyz", "ab", "Aa", *SCRIPTS.values()])
    return "".join(rng.choice(letters) for _ in range(rng.randint(30, 300)))


def case_text(rng):
    special = ["Σ", "ΑΣ", "ΑΣ.", "ΑΣα", "ʰΣ", "Σ\u0301", "Α\u0345Σ", "İ", "I\u0307", "ı", "ſ", "ẞ", "\u212A", "\u2126", "\u0345", "ᾈ",
               "Ǆ", "Ⓐ", "𝐀", "𐐀", "Ꭰ", "ᏸ"]
    return "".join(rng.choice(CASED) if rng.random() < 0.5 else rng.choice(special) + rng.choice(["", " ", "A", "'"])
                   for _ in range(rng.randint(1, 12)))


def mojibake(rng):
    """UTF-8 (or CESU-8) read in a wrong encoding, once or twice, and then damaged now and then."""
    text = rng.choice(["café", "naïve façade à la mode", "“quoted” – text…", "Ångström", "日本語", "привет", "it’s", "€5", "ελλάδα",
                       "a\u00A0b", "às vezes àquela", "🐱", "Łódź šíp", "\ud83d\ude00", "مرحبا", script(rng, SCRIPTS["accented"])])
    for _ in range(rng.randint(1, 2)):
        data = text.encode("utf-8", "surrogatepass").replace(b"\0", rng.choice([b"\0", b"\xc0\x80"]))
        text = data.decode(rng.choice(ENCODINGS), rng.choice(["replace", "ignore"]))
    for change in [("\u00A0", " "), ("\uFFFD", "?"), ("\uFFFD", "\x1A"), ("\u00AD", "")]:
        if rng.random() < 0.2:
            text = text.replace(*change)
    return rng.choice(["", sentence(rng) + " ", "é ", "ж "]) + text + rng.choice(["", " " + sentence(rng)])


def latin(rng):
    """Letters and symbols of the single-byte encodings in any order: what looks like mojibake and is not."""
    letters = bytes(range(0x80, 0x100)).decode(rng.choice(ENCODINGS), "ignore")
    return "".join(rng.choice(rng.choice([letters, "aeiou Az "])) for _ in range(rng.randint(2, 20)))


KINDS = {
    "english": sentence,
    "punctuation": lambda rng: mixed(rng, PUNCTUATION),
    "quotes": lambda rng: mixed(rng, QUOTES),
    "entities": lambda rng: mixed(rng, [entity(rng) for _ in range(4)]),
    "digits": lambda rng: mixed(rng, [*pick(rng, DIGITS, 4, 4), str(rng.randint(0, 10**9)), "3.14", "1st", "２０"]),
    "long": long_word,
    "controls": lambda rng: mixed(rng, [*pick(rng, CONTROLS, 3, 3), rng.choice(ESCAPES)]),
    "spaces": lambda rng: mixed(rng, pick(rng, SPACES, 4, 4), ("",)),
    "combining": lambda rng: "".join(c + "".join(pick(rng, MARKS, 0, 3)) for c in rng.choice([sentence(rng), "กำแพง", "e o a A"])),
    "decomposed": lambda rng: unicodedata.normalize("NFD", script(rng, rng.choice(list(SCRIPTS.values())))),
    "emoji": lambda rng: mixed(rng, EMOJI),
    "width": lambda rng: mixed(rng, WIDE, ("",)),
    "ligatures": lambda rng: mixed(rng, LIGATURES, ("", "", " ")),
    "case": case_text,
    "special": lambda rng: mixed(rng, SPECIALS),
    "any": lambda rng: "".join(pick(rng, ASSIGNED, 1, 20)),
    **{name: (lambda rng, letters=letters: script(rng, letters)) for name, letters in SCRIPTS.items()},
    "latin": latin,
    "mojibake": mojibake,
}


def corpus(round_=0):
    for kind, make in KINDS.items():
        rng = random.Random(f"{SEED + round_} {kind}")
        for _ in range(PER_KIND):
            yield kind, make(rng)
