"""docs/transcript.md is what the script makes: the same lines typed, the same refusals."""
import re
import subprocess

from cli_support import ROOT, SCLIP, pytestmark  # noqa: F401


def lasting(text: str) -> list[str]:
    """Headings, what is typed, refusals and exit codes: what no machine changes."""
    return re.findall(r"^(?:\$ |sclip: |\(exit code |[A-Z]).*", text, re.M)


def test_the_transcript_is_current(tmp_path):
    made = tmp_path / "transcript.md"
    done = subprocess.run([ROOT / "scripts/make_transcript.sh", made], env={"SCLIP_BIN": str(SCLIP), "PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    text, kept = made.read_text(), (ROOT / "docs/transcript.md").read_text()
    assert len(lasting(text)) > 15 and lasting(text) == lasting(kept), "run scripts/make_transcript.sh"
    assert str(tmp_path) not in text and "/tmp/" not in text and str(ROOT) not in text
    assert text.count("(exit code 2)") == 4
