"""`python -m sclip_convert.describe`: tensors.csv as the Markdown table of FORMAT.md."""
from .table import rows


def markdown_table():
    """One line per row; open_clip's keys are left out, for they equal OpenAI's."""
    lines = ["| tensor | shape | OpenAI, open_clip | Hugging Face | |", "|---|---|---|---|---|"]
    for row in rows():
        if row["open_clip"] != row["openai"]:
            raise ValueError(f"{row['name']}: open_clip has another key, the table needs another column")
        shape = "(bytes)" if row["shape"] == "*" else f"({', '.join(row['shape'].split())})"
        cells = [_code(row["name"]), shape, _code(row["openai"]), _code(row["hf"]),
                 " ".join(filter(None, (row["transform"], row["flags"])))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _code(text):
    return f"`{text}`".replace("|", "\\|") if text else ""


if __name__ == "__main__":
    print(markdown_table(), end="")
