"""The tables of weights/convert/README.md: what converts, and what is refused by which words.

usage: PYTHONPATH=. python tests/python/convert_table.py      (writes them; tests compare, and check every row)
"""
import re

from convert_kinds import KINDS
from convert_refusals import REFUSALS
from convert_support import PACKAGE

README = PACKAGE / "README.md"
COSINE = 0.99999  # what the table promises


def supported_table():
    """One row for each of KINDS."""
    return _table("supported", ("checkpoint", "`--from`", "image and text cosine"),
                  ((kind.label, f"`{kind.source}`", f"≥ {COSINE}") for kind in KINDS))


def refused_table():
    """One row for each of REFUSALS."""
    return _table("refused", ("checkpoint", "`--from`", "the message has"),
                  ((refusal.label, f"`{refusal.source}`", f"`{refusal.says}`") for refusal in REFUSALS))


def _table(name, head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join([f"<!-- table: {name} -->", *(f"| {' | '.join(line)} |" for line in lines), "<!-- end of table -->\n"])


def main():
    text = README.read_text(encoding="utf-8")
    for name, table in (("supported", supported_table()), ("refused", refused_table())):
        text = re.sub(rf"<!-- table: {name} -->.*?<!-- end of table -->\n", lambda _, made=table: made, text, flags=re.S)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
