"""What the command says of itself: --help, the manual page and the completion of shells, all from one source."""
import importlib.util
import re
import shutil
import subprocess

import pytest
from cli_support import ROOT, SCLIP, fail, pytestmark, succeed  # noqa: F401

COMMANDS = ("segment", "classify", "embed", "explain", "eval", "info", "plan", "verify", "tune", "doctor", "bench", "serve", "completion")


def help_of(command) -> str:
    return succeed(command, "--help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_in_groups_with_examples_and_exit_codes(command):
    text = help_of(command)
    assert max(map(len, text.splitlines())) <= 100 + 20  # examples are not broken
    assert "\nUsage: sclip " + command in text and "\nExamples:\n  " in text
    assert re.search(r"\nExit codes:\n  0 +done\n  2 .*\n  130 ", text)
    assert not re.search(r"\bTEXT\b.*\[|INT|FLOAT|NONNEGATIVE", text.replace("--text TEXT", ""))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_every_default(command):
    """An option with a value says what holds without it, unless it must be given or may be repeated."""
    text = help_of(command).split("\nExamples:")[0]
    entries = re.split(r"\n  (?=-)", text)[1:]
    assert entries
    missing = []
    for entry in entries:
        head = entry[:26].strip() if "\n" not in entry[:26] else entry.split("\n")[0]
        takes_value = re.search(r"--[a-z-]+ [A-Z]", entry.split("\n")[0])
        if takes_value and "[default: " not in " ".join(entry.split()) and "[required]" not in entry and "repeat it" not in " ".join(
                entry.split()):
            missing.append(head)
    assert missing == []


def test_the_numbers_that_hold_are_those_in_the_help(tmp_path):
    text = " ".join(help_of("segment").split())
    for piece in ("--out FOLDER folder for the outputs", "[default: mask,overlay,json]", "[default: sclip]", "[default: 8,16]",
                  "(1 to 8192) [default: the configuration's, else the model's]"):
        assert piece in text, piece


def test_the_manual_page_is_current(tmp_path):
    spec = importlib.util.spec_from_file_location("make_man", ROOT / "scripts/make_man.py")
    make_man = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_man)
    page = make_man.page(str(SCLIP))
    assert page == (ROOT / "docs/man/sclip.1").read_text(encoding="utf-8"), "run scripts/make_man.py"
    for option in re.findall(r"--[a-z-]+", help_of("segment")):
        assert option.replace("-", r"\-") in page, option
    if man := shutil.which("man"):
        shown = subprocess.run([man, "-l", "--warnings", str(ROOT / "docs/man/sclip.1")], capture_output=True, text=True,
                               env={"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
        assert shown.returncode == 0 and shown.stderr == "" and "SCLIP SEGMENT" in shown.stdout


def bash_completes(line: str, cwd) -> list[str]:
    """What bash would offer for the last word of the line."""
    words = line.split(" ")
    script = f"""eval "$({SCLIP} completion bash)"
COMP_WORDS=({' '.join(f"'{w}'" for w in words)})
COMP_CWORD={len(words) - 1}
_sclip
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, cwd=cwd, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_bash_completion(tmp_path):
    (tmp_path / "my photo.jpg").touch()
    (tmp_path / "folder").mkdir()
    assert set(COMMANDS) <= set(bash_completes("sclip ", tmp_path))
    assert bash_completes("sclip seg", tmp_path) == ["segment"]
    assert set(bash_completes("sclip segment --refine", tmp_path)) == {"--refine", "--refine-iterations", "--refine-dilations", "--refine-cells"}
    assert bash_completes("sclip segment --policy n", tmp_path) == ["naclip"]
    assert "voc21" in bash_completes("sclip segment --config ", tmp_path)
    assert "cityscapes" in bash_completes("sclip classify --classes-file ", tmp_path)
    assert set(bash_completes("sclip segment --outputs mask,over", tmp_path)) == {"mask,overlay", "mask,overlay-jpeg"}
    assert bash_completes("sclip segment m", tmp_path) == ["my photo.jpg"]
    assert bash_completes("sclip segment --cache-dir ", tmp_path) == ["folder"]
    assert bash_completes("sclip completion f", tmp_path) == ["fish"]


def test_every_option_is_completed():
    for command in COMMANDS:
        options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", help_of(command), re.M))
        for shell, spelled in (("bash", "{}"), ("zsh", "*{}["), ("fish", "-l {}")):
            script = succeed("completion", shell).out
            for option in options:
                assert spelled.format(option if shell != "fish" else option[2:]) in script, (shell, option)
    assert "bash, zsh or fish" in fail("completion", "tcsh")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_their_script(shell, tmp_path):
    """Where the shell is there; the script's text is held to the help by the test above."""
    script = succeed("completion", shell).out
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        assert subprocess.run([shell, "-n", str(tmp_path / "script")], capture_output=True, text=True).returncode == 0
    if shell == "fish" and shutil.which(shell):
        found = subprocess.run(["fish", "-c", f"source {tmp_path}/script; complete -C 'sclip segment --policy n'"],
                               capture_output=True, text=True)
        assert "naclip" in found.stdout
    assert "naclip" in script and "cityscapes" in script
