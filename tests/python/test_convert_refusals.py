"""Every kind of checkpoint that the converter refuses: by name, with one line, leaving nothing behind."""
import pytest
from convert_refusals import REFUSALS
from convert_support import refused
from convert_table import README, refused_table


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal.source}: {refusal.label}")
def test_refused_by_name(refusal, tmp_path, monkeypatch):
    arguments = refusal.make(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert refusal.says in refused(tmp_path / "m.sclip", "--from", refusal.source, *arguments)
    assert not (tmp_path / "ran").exists()


def test_the_readme_has_the_table():
    assert refused_table() in README.read_text(encoding="utf-8"), "run python tests/python/convert_table.py"
