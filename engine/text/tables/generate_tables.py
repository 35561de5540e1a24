#!/usr/bin/env python3
"""Writes the tables of this folder from the Python libraries that open_clip's tokenizer calls.

Usage: generate_tables.py [FOLDER]        (needs the packages `regex` and `ftfy`)

The tables, and not the system's Unicode library, decide what is a letter, a number or cased, so that ids do not
depend on the machine. Run it again to follow newer Unicode data; the header of each table says what it was made from.
"""

import html
import html.entities
import importlib.metadata
import pathlib
import sys
import unicodedata

import ftfy.chardata
import regex

ALL = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
PYTHON = f"Python's unicodedata {unicodedata.unidata_version}"
FTFY = f"ftfy {importlib.metadata.version('ftfy')} (Apache-2.0, Robyn Speer)"


def ranges(chars):
    out = []
    for c in map(ord, chars):
        if out and c == out[-1][1] + 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def rows(items, width=120):
    line = "   "
    for item in items:
        if len(line) + 2 + len(item) > width:
            yield line
            line = "   "
        line += f" {item},"
    yield line


def table(kind, name, items):
    return [f"constexpr {kind} {name}[] = {{", *rows(items), "};"]


def range_table(name, chars):
    return table("CodePointRange", name, [f"{{0x{a:X}, 0x{b:X}}}" for a, b in ranges(chars)])


def write(folder, name, source, lines):
    head = [f"// Made by generate_tables.py from {source}. Do not edit."]
    (folder / name).write_text("\n".join(head + lines) + "\n")


def letters_and_numbers(folder):
    def matching(pattern):
        return [c for c in ALL if regex.fullmatch(pattern, c)]

    write(folder, "letters_and_numbers.inc", f"regex {importlib.metadata.version('regex')}",
          range_table("kLetters", matching(r"\p{L}")) + range_table("kNumbers", matching(r"\p{N}")))


def casing(folder):
    """What str.lower() looks at around a capital sigma, found by asking it."""
    ignorable, cased = [], []
    for c in ALL:
        if (c + "Σ").lower().endswith("ς"):
            cased.append(c)
        elif ("A" + c + "Σ").lower().endswith("ς"):
            ignorable.append(c)
    write(folder, "casing.inc", PYTHON, range_table("kCased", cased) + range_table("kCaseIgnorable", ignorable))


def entity(name, value):
    points = [f"0x{ord(c):X}" for c in value]
    assert 1 <= len(points) <= 3, name
    return f'{{"{name}", {{{", ".join(points)}}}}}'


def html_entities(folder):
    html5 = html.entities.html5
    # ftfy also reads some names in capitals; those are not HTML.
    capitals = {k[1:]: v for k, v in ftfy.chardata.HTML_ENTITIES.items() if k[1:] not in html5}
    assert all(ftfy.chardata.HTML_ENTITIES["&" + k] == v for k, v in html5.items() if k.endswith(";"))
    assert all(len(k) - 1 <= 32 for k in html5)
    write(folder, "html_entities.inc", f"html.entities of Python and {FTFY}",
          table("HtmlEntity", "kHtml5Entities", [entity(k, html5[k]) for k in sorted(html5)])
          + table("HtmlEntity", "kCapitalEntities", [entity(k, capitals[k]) for k in sorted(capitals)]))


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    letters_and_numbers(folder)
    casing(folder)
    html_entities(folder)


if __name__ == "__main__":
    main()
