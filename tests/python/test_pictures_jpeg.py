"""JPEG as Pillow and OpenCV decode it: the same pixels, not nearly the same."""
import subprocess

import cv2
import numpy as np
import pytest
from picture_support import (decode, encoded, error_of, jpeg_segments, photo, pillow, pixels_of, save,
                             without_segments)
from PIL import Image

SAMPLINGS = {name: getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{name}") for name in ("411", "420", "422", "440", "444")}
SIZES = [(96, 64), (97, 65), (33, 47), (17, 1), (1, 19), (8, 8)]


def by_opencv(picture, *parameters):
    done, data = cv2.imencode(".jpg", np.asarray(picture)[..., ::-1], parameters)
    assert done
    return data.tobytes()


def corpus(folder):
    """Every subsampling × progressive or not × sizes × restarts; grey, RGB inside, CMYK, YCCK; arithmetic coding."""
    files = []
    for name, sampling in SAMPLINGS.items():
        for width, height in SIZES:
            for progressive in (0, 1):
                data = by_opencv(photo(width, height), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling,
                                 cv2.IMWRITE_JPEG_QUALITY, 85, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
                files.append(save(folder / f"{name}-{width}x{height}-{progressive}.jpg", data))
        data = by_opencv(photo(99, 51), cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
        assert b"\xff\xd0" in data
        files.append(save(folder / f"{name}-restarts.jpg", data))
        arithmetic = subprocess.run(["jpegtran", "-arithmetic", files[-1]], capture_output=True, check=True).stdout
        files.append(save(folder / f"{name}-arithmetic.jpg", arithmetic))
    picture = photo(75, 61)
    files.append(save(folder / "grey.jpg", encoded(picture.convert("L"), "jpeg")))
    files.append(save(folder / "grey-progressive.jpg", encoded(picture.convert("L"), "jpeg", progressive=True)))
    files.append(save(folder / "rgb.jpg", encoded(picture, "jpeg", keep_rgb=True)))
    files.append(save(folder / "low-quality.jpg", encoded(picture, "jpeg", quality=5)))
    # Frames of a video leave out the tables, which are the standard's.
    bare = without_segments(encoded(picture, "jpeg"), {0xC4})
    assert b"\xff\xc4" not in bare
    files.append(save(folder / "no-huffman-tables.jpg", bare))
    return files


def four_components(folder):
    picture = photo(75, 61).convert("CMYK")
    cmyk = encoded(picture, "jpeg", quality=90)
    adobe = next(begin for marker, begin, _ in jpeg_segments(cmyk) if marker == 0xEE)
    assert cmyk[adobe + 4:adobe + 9] == b"Adobe" and cmyk[adobe + 15] == 0
    ycck = cmyk[:adobe + 15] + b"\2" + cmyk[adobe + 16:]  # the same numbers, to be read as luma and chroma
    return [save(folder / "cmyk.jpg", cmyk), save(folder / "ycck.jpg", ycck),
            save(folder / "cmyk-no-adobe.jpg", without_segments(cmyk, {0xEE})),
            save(folder / "cmyk-progressive.jpg", encoded(picture, "jpeg", progressive=True)),
            save(folder / "cmyk-subsampled.jpg", encoded(picture, "jpeg", subsampling="4:2:0"))]


def test_pixels_are_pillows_and_opencvs(tmp_path):
    files = corpus(tmp_path)
    assert len(files) >= 70
    for file, answer in zip(files, decode(files)):
        assert "error" not in answer, answer
        assert np.array_equal(answer["pixels"], pillow(file)), file.name
        assert np.array_equal(answer["pixels"], cv2.imread(str(file))[..., ::-1]), file.name


def test_four_components_are_pillows(tmp_path):
    for file in four_components(tmp_path):
        pixels = pixels_of(file)
        assert np.array_equal(pixels, pillow(file)), file.name
        # OpenCV rounds c·k/255 another way (it shifts by 8).
        assert np.abs(pixels.astype(int) - cv2.imread(str(file))[..., ::-1]).max() <= 1, file.name


def test_rows_are_the_whole(tmp_path):
    files = corpus(tmp_path) + four_components(tmp_path)
    whole = [answer["pixels"] for answer in decode(files)]
    for rows in (1, 7):
        for file, pixels, answer in zip(files, whole, decode(files, "--rows", str(rows))):
            assert np.array_equal(answer["pixels"], pixels), file.name


def test_stray_bytes_between_markers_cost_nothing(tmp_path):
    data = encoded(photo(64, 48), "jpeg")
    expected = pixels_of(save(tmp_path / "plain.jpg", data))
    segments = jpeg_segments(data)
    for number, (_, begin, _) in enumerate(segments[1:]):
        for stray in (b"\0", b"\0\0\0", b"\x12\x34", b"\xff", b"\xff\xff\xff", b"\xff\0"):
            file = save(tmp_path / f"stray-{number}-{stray.hex()}.jpg", data[:begin] + stray + data[begin:])
            assert np.array_equal(pixels_of(file), expected), file.name
    assert data.endswith(b"\xff\xd9")
    restarts = encoded(photo(64, 48), "jpeg", restart_marker_blocks=4)
    for name, before, bytes_ in (("plain", data, b"\0" * 40), ("text", data, b"camera note"), ("restart", data, b"\xff\xd3"),
                                 ("restarts", restarts, b"\xff\xd0" + b"\0" * 9), ("marker", data, b"\xff\x02\x10"),
                                 ("fill", data, b"\xff\xff\xff")):
        plain = pixels_of(save(tmp_path / f"before-end-{name}-plain.jpg", before))
        file = save(tmp_path / f"before-end-{name}.jpg", before[:-2] + bytes_ + b"\xff\xd9")
        assert np.array_equal(pixels_of(file), plain), file.name
    file = save(tmp_path / "after-end.jpg", data + b"MPF and other trailers \xff\xda\xff\xc0")
    assert np.array_equal(pixels_of(file), expected)


def test_what_is_not_supported_has_a_name(tmp_path):
    data = bytearray(encoded(photo(64, 48), "jpeg"))
    frame = next(begin for marker, begin, _ in jpeg_segments(bytes(data)) if marker == 0xC0)
    def changed(name, offset, value):
        copy = bytearray(data)
        copy[frame + offset] = value
        return save(tmp_path / name, bytes(copy))
    assert "12 bits" in error_of(changed("twelve.jpg", 4, 12))
    assert "lossless" in error_of(changed("lossless.jpg", 1, 0xC3))
    copy = bytearray(data)
    copy[frame + 5:frame + 7] = b"\0\0"
    assert "DNL" in error_of(save(tmp_path / "no-height.jpg", bytes(copy)))


@pytest.mark.parametrize("progressive", [False, True])
def test_truncation_names_the_row_and_salvage_takes_what_is_there(progressive, tmp_path):
    picture = photo(320, 240)
    data = encoded(picture, "jpeg", quality=90, progressive=progressive)
    whole = pixels_of(save(tmp_path / "whole.jpg", data))
    for share in (0.25, 0.5, 0.9):
        file = save(tmp_path / f"cut-{share}.jpg", data[:int(len(data) * share)])
        error = error_of(file)
        assert "truncated" in error and "row" in error
        answer = decode([file], "--salvage")[0]
        assert "truncated" in answer["damage"]
        if not progressive:
            row = int(error.split("in row ")[1].split()[0])
            assert abs(row - 240 * share) < 60
            good = (row - 1) // 16 * 16 - 16
            assert good > 0 and np.array_equal(answer["pixels"][:good], whole[:good])
    file = save(tmp_path / "no-end.jpg", data[:-2])
    assert "end mark" in error_of(file)
    assert np.array_equal(decode([file], "--salvage")[0]["pixels"], whole)


def test_a_flipped_byte_is_damage(tmp_path):
    data = bytearray(encoded(photo(320, 240), "jpeg", quality=90, restart_marker_blocks=10))
    for at in range(len(data) // 2, len(data) - 10):
        if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7:
            data[at + 1] = 0xD0 | (data[at + 1] + 3) % 8
            break
    file = save(tmp_path / "flipped.jpg", bytes(data))
    assert "damaged in row" in error_of(file)
    assert "damaged" in decode([file], "--salvage")[0]["damage"]


def test_a_header_that_lies_costs_no_time(tmp_path):
    data = bytearray(encoded(Image.new("RGB", (16, 16)), "jpeg"))
    frame = next(begin for marker, begin, _ in jpeg_segments(bytes(data)) if marker == 0xC0)
    data[frame + 5:frame + 9] = (8000).to_bytes(2, "big") * 2
    assert "in row" in error_of(save(tmp_path / "forged.jpg", bytes(data)))


def test_without_libjpeg_stb_image_decodes_nearly_the_same(tmp_path):
    file = save(tmp_path / "a.jpg", encoded(photo(96, 64), "jpeg", subsampling=0, quality=95))
    difference = np.abs(pixels_of(file, "--stb").astype(int) - pillow(file))
    assert difference.max() <= 4  # the freedom of the inverse transform
