"""Whose files are whose: nothing of the user's is overwritten, taken for a photo, waited for or left out in silence."""
import json
import os
import shutil
import stat
import subprocess
import time

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, SCLIP, fail, files_in, pytestmark, run, succeed  # noqa: F401
from PIL import Image


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photos/a.png"
    path.parent.mkdir()
    Image.open(CHINA).resize((96, 64)).save(path)
    return path


def segment(*arguments, **options):
    return succeed("segment", *arguments, "-c", CLASSES, *BARE, **options)


def refused(*arguments, **options) -> str:
    return fail("segment", *arguments, "-c", CLASSES, *BARE, **options)


class TestOverwriting:
    def test_the_photo_is_never_an_output(self, photo):
        mask = photo.with_name("mask.png")
        photo.rename(mask)
        before = mask.read_bytes()
        for options in ((), ("--overwrite",)):
            assert "this run reads" in refused("mask.png", "-o", ".", *options, cwd=mask.parent)
            assert "this run reads" in refused("mask.png", "-o", "mask.png", *options, cwd=mask.parent)
        (mask.parent / "link.png").hardlink_to(mask)
        assert "this run reads" in refused("mask.png", "--outputs", "mask=link.png,json", "--overwrite", cwd=mask.parent)
        assert mask.read_bytes() == before and files_in(mask.parent) == ["link.png", "mask.png"]

    @pytest.mark.parametrize("name", ["a.mask.png", "a.overlay.png", "a.result.json"])
    def test_what_others_wrote_stays_and_nothing_is_written_beside_it(self, name, photo):
        theirs = photo.with_name(name)
        theirs.write_text('{"my": "ground truth"}')
        line = refused(photo.parent, "-o", photo.parent)
        assert name in line and ("sclip did not write it" in line or "this run reads" in line)
        assert theirs.read_text() == '{"my": "ground truth"}' and files_in(photo.parent) == sorted(["a.png", name])

    def test_overwrite_takes_the_rest(self, photo, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        (out / "mask.png").write_text("theirs")
        assert "--overwrite" in refused(photo, "-o", out)
        segment(photo, "-o", out, "--overwrite")
        assert Image.open(out / "mask.png").size == (96, 64)

    def test_a_run_replaces_its_own(self, photo, tmp_path):
        out = tmp_path / "out"
        every = ("--outputs", "mask,overlay,grey,per-class,rle,scores,logits,json")
        segment(photo, "-o", out, *every)
        first = json.loads((out / "result.json").read_text())
        segment(photo, "-o", out, *every)
        assert files_in(out) and json.loads((out / "result.json").read_text())["classes"] == first["classes"]
        # Without its result.json an array is anybody's.
        (out / "result.json").unlink()
        assert "scores.npy" in refused(photo, "-o", out, *every)

    def test_pictures_say_who_wrote_them(self, photo, tmp_path):
        segment(photo, "-o", tmp_path / "out", "--outputs", "mask,overlay,grey,per-class,json,rle")
        pictures = list((tmp_path / "out").rglob("*.png"))
        assert len(pictures) > 3
        assert {Image.open(path).info["Software"] for path in pictures} == {"sclip"}
        assert json.loads((tmp_path / "out/rle.json").read_text())["info"]["software"] == "sclip"

    def test_folders_of_others_with_files_of_that_pattern(self, photo, tmp_path):
        theirs = tmp_path / "out/per-class/1-cat.png"
        theirs.parent.mkdir(parents=True)
        theirs.write_text("theirs")
        segment(photo, "-o", tmp_path / "out", "--outputs", "per-class,json")
        assert theirs.read_text() == "theirs"

    def test_two_outputs_never_get_one_name(self, photo, tmp_path):
        os.symlink(".", tmp_path / "here")
        for choice in ("mask,overlay=out/mask.png", "mask=here/x.png,overlay=x.png"):
            assert "cannot both be" in refused(photo, "-o", "out", "--outputs", choice, cwd=tmp_path)

    def test_embed(self, photo, tmp_path):
        out = tmp_path / "e.npy"
        np.save(out, np.arange(3))
        assert "--overwrite" in fail("embed", "--image", photo, "-o", out)
        succeed("embed", "--image", photo, "-o", out, "--overwrite")
        assert np.load(out).shape[0] == 1
        assert "this run reads" in fail("embed", "--image", photo, "-o", photo, "--overwrite")


class TestWhatIsAPhoto:
    def test_earlier_runs_are_left_out_and_counted(self, photo):
        folder = photo.parent
        for number in range(1, 4):
            done = segment(folder, "-o", folder / f"run{number}")
            assert done.out.startswith("1 photo in ")
            assert (f"left out: {2 * (number - 1)} files that sclip wrote" in done.err) == (number > 1)

    def test_formats_that_are_not_read_are_named(self, photo):
        for name in ("IMG.JXL", "b.cr2", "c.nef", "notes.txt"):
            shutil.copy(photo, photo.with_name(name))
        done = segment(photo.parent, "-o", photo.parent / "out")
        assert "sclip: left out: 3 pictures of formats that are not read (JPEG XL, raw)\n" in done.err
        assert segment(photo.parent, "-o", photo.parent / "out", "-q").err == ""

    @pytest.mark.skipif(os.geteuid() != 0, reason="another user's folder can be made by root only")
    def test_folders_that_may_not_be_entered_are_named(self, photo):
        locked = photo.parent / "locked"
        locked.mkdir(mode=0o700)
        for path in (photo.parent.parent, photo.parent, *photo.parents[2:4]):
            path.chmod(0o777 if path == photo.parent else stat.S_IMODE(path.stat().st_mode) | 0o055)

        def nobody():
            os.setgid(65534)
            os.setuid(65534)

        done = run("segment", photo.parent, "-c", CLASSES, *BARE, "-o", photo.parent / "out", preexec_fn=nobody)
        assert done.code == 0 and "1 folder without permission to search" in done.err and "locked" in done.err

    def test_pipes_are_refused_at_once(self, photo, tmp_path):
        os.mkfifo(photo.with_name("b.jpg"))
        os.mkfifo(tmp_path / "pipe")
        begin = time.monotonic()
        done = run("segment", photo.parent, "-c", CLASSES, *BARE, "-o", tmp_path / "out")
        assert done.code == 2 and "b.jpg" in done.err and "not a regular file" in done.err
        assert (tmp_path / "out/a.mask.png").exists()  # the others are done
        assert "not a regular file" in refused(photo.with_name("b.jpg"))
        out = ("-o", tmp_path / "o")
        for arguments in (("segment", photo, "--classes-file", tmp_path / "pipe", *out),
                          ("segment", photo, "-c", CLASSES, "--templates", tmp_path / "pipe", *out),
                          ("segment", photo, "-c", CLASSES, "--model", tmp_path / "pipe", *out),
                          ("segment", photo, "-c", CLASSES, "--model", "/dev/null", *out),
                          ("segment", "--files-from", tmp_path / "pipe", "-c", CLASSES, *out),
                          ("classify", photo.with_name("b.jpg"), "-c", CLASSES), ("info", tmp_path / "pipe")):
            assert "not a regular file" in fail(*arguments), arguments
        assert time.monotonic() - begin < 20


class TestNames:
    def test_named_after_the_photo(self, photo, tmp_path):
        segment(photo, "-o", tmp_path / "out", "--name-after-photo")
        assert files_in(tmp_path / "out") == ["a.mask.png", "a.overlay.png", "a.result.json"]

    def test_a_name_for_the_mask(self, photo, tmp_path):
        done = segment(photo, "-o", "new/cut.png", cwd=tmp_path)
        assert files_in(tmp_path / "new") == ["cut.overlay.png", "cut.png", "cut.result.json"] and "new/cut.png" in done.out
        assert json.loads((tmp_path / "new/cut.result.json").read_text())["outputs"]["mask"] == "cut.png"
        segment(photo, "-o", "new/cut.png", cwd=tmp_path)  # its own
        assert "names a file" in refused(photo, photo, "-o", "x.png", cwd=tmp_path)
        assert "names a file" in refused(photo.parent, "-o", "x.png", cwd=tmp_path)

    def test_standard_input(self, photo, tmp_path):
        with photo.open("rb") as stream:
            subprocess.run([SCLIP, "segment", "-", "-c", CLASSES, *BARE, "-q", "-o", tmp_path / "piped"], stdin=stream, check=True)
        segment(photo, "-o", tmp_path / "file")
        assert (tmp_path / "piped/mask.png").read_bytes() == (tmp_path / "file/mask.png").read_bytes()
        broken = subprocess.run([SCLIP, "segment", "-", "-c", CLASSES, *BARE, "-o", tmp_path / "none"], input=b"", capture_output=True)
        assert broken.returncode == 2 and b"standard input: the file is empty" in broken.stderr

    def test_lists_of_photos(self, photo, tmp_path):
        other = photo.with_name("line\nbreak.png")
        shutil.copy(photo, other)
        (tmp_path / "lines").write_text(f"{photo}\n\n")
        (tmp_path / "zeros").write_bytes(f"{photo}\0{other}\0".encode())
        assert segment("--files-from", tmp_path / "lines", "-o", tmp_path / "one", "--name-after-photo")
        assert segment("--files-from", tmp_path / "zeros", "-o", tmp_path / "two").out.startswith("2 photos")
        done = subprocess.run([SCLIP, "segment", "--files-from", "-", "-c", CLASSES, *BARE, "-o", tmp_path / "three"],
                              input=f"{photo}\n{photo.parent}\n".encode(), capture_output=True, check=True)
        assert done.stdout.startswith(b"3 photos")
        assert "standard input" in refused("-", "--files-from", "-")

    def test_temporary_files_of_killed_runs_are_removed(self, photo, tmp_path):
        out = tmp_path / "out"
        out.mkdir()
        for name in ("mask.png.sclip-1999999999-0", "notes.sclip-draft"):
            (out / name).write_text("x")
            os.utime(out / name, (time.time() - 7200,) * 2)
        segment(photo, "-o", out)
        assert files_in(out) == ["mask.png", "notes.sclip-draft", "overlay.png", "result.json"]


class TestMachine:
    def test_no_cache_where_others_could_have_put_it(self, photo, tmp_path):
        shared = tmp_path / "cache"
        shared.mkdir()
        shared.chmod(0o777)
        done = succeed("segment", photo, "-c", CLASSES, "--templates", "none", "--cache-dir", shared, "-o", tmp_path / "out")
        assert "may be written to by everybody" in done.err and files_in(shared) == []
        if os.geteuid() == 0:
            shared.chmod(0o755)
            os.chown(shared, 12345, -1)
            done = succeed("segment", photo, "-c", CLASSES, "--templates", "none", "--cache-dir", shared, "-o", tmp_path / "out")
            assert "belongs to another user (12345)" in done.err and files_in(shared) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without a home")
    def test_no_cache_without_a_home(self, photo, tmp_path):
        for path in (*photo.parents[0:4],):
            path.chmod(0o777)

        def nobody():
            os.setgid(64321)
            os.setuid(64321)

        before = set(os.listdir("/tmp"))
        done = run("segment", photo, "-c", CLASSES, "--templates", "none", "-o", tmp_path / "out", preexec_fn=nobody,
                   env={"HOME": "", "XDG_CACHE_HOME": "", "SCLIP_CACHE_DIR": ""})
        assert done.code == 0, done.err
        assert "sclip" not in set(os.listdir("/tmp")) - before
