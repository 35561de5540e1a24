#!/usr/bin/env python3
"""Writes the manual page from what `sclip --help` says.

usage: scripts/make_man.py [SCLIP] [FILE]      default: build/sclip, docs/man/sclip.1
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INDENT = 28  # of a description in the help


def told(sclip, *arguments) -> str:
    return subprocess.run([sclip, *arguments], capture_output=True, text=True, check=True).stdout


def roff(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def sections(text: str) -> dict[str, list[str]]:
    """Lines under each heading; the description is under ''."""
    out: dict[str, list[str]] = {"": []}
    heading = ""
    for line in text.splitlines():
        if re.fullmatch(r"\S.*:", line):
            heading = line[:-1]
            out[heading] = []
        elif line.startswith("Usage: "):
            out["Usage"] = [line.removeprefix("Usage: ")]
        elif line.strip():
            out[heading].append(line)
    return out


def entries(lines: list[str]) -> list[tuple[str, list[str]]]:
    """(option, its paragraphs): descriptions begin in a column, and their further paragraphs two beyond it."""
    out: list[tuple[str, list[str]]] = []
    for line in lines:
        if not line.startswith(" " * INDENT):
            out.append((line[:INDENT].strip() if len(line) > INDENT and line[INDENT - 2:INDENT] == "  " else line.strip(), []))
            line = line[INDENT:] if out[-1][0] != line.strip() else ""
        if not line.strip():
            continue
        extra = len(line) - len(line.lstrip()) - (INDENT if line.startswith(" " * INDENT) else 0)
        if out[-1][1] and extra != 2:
            out[-1][1][-1] += " " + line.strip()
        else:
            out[-1][1].append(line.strip())
    return out


def definitions(lines: list[str]) -> list[str]:
    out = []
    for name, paragraphs in entries(lines):
        out += [".TP", r"\fB" + roff(name) + r"\fR"]
        for i, paragraph in enumerate(paragraphs):
            out += ([".br"] if i else []) + [roff(paragraph)]
    return out


def verbatim(lines: list[str]) -> list[str]:
    return [".nf", *(roff(line) for line in lines), ".fi"]


def page(sclip) -> str:
    version = told(sclip, "--version").split()[-1]
    top = sections(told(sclip, "--help"))
    commands = [name for name, _ in entries(top["Commands"])]
    parts = {name: sections(told(sclip, name, "--help")) for name in commands}
    out = [r'.\" Made by scripts/make_man.py from what sclip --help says.', f'.TH SCLIP 1 "" "sclip {version}" "User Commands"',
           ".SH NAME", r"sclip \- cut a photograph into regions named by words", ".SH SYNOPSIS"]
    for i, name in enumerate(commands):
        out += ([".br"] if i else []) + [roff(parts[name]["Usage"][0])]
    out += [".SH DESCRIPTION", *(roff(line) for line in top[""]), ".SH COMMANDS", *definitions(top["Commands"])]
    for name in commands:
        out += [f".SH SCLIP {name.upper()}", *(roff(line) for line in parts[name][""])]
        for heading, lines in parts[name].items():
            if heading in ("", "Usage", "Exit codes"):
                continue
            out += [f".SS {heading}", *(verbatim(lines) if heading == "Examples" else definitions(lines))]
    out += [".SH EXIT STATUS"]
    for line in top["Exit codes"]:
        code, _, meaning = line.strip().partition(" ")
        out += [".TP", code, roff(meaning.strip())]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sclip = sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/sclip"
    target = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "docs/man/sclip.1")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(sclip), encoding="utf-8")
