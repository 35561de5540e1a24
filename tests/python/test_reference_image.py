"""The reference's resizing against OpenCV and Pillow, and its windows against the published counts."""
import cv2
import numpy as np
import pytest

from tests.reference import image
from tests.reference.windows import axis, windows

SIZES = [((1, 1), (336, 336)), ((1, 7), (5, 35)), ((3, 2), (2, 3)), ((427, 640), (336, 504)), ((640, 427), (504, 336)),
         ((64, 48), (448, 336)), ((101, 333), (33, 107)), ((200, 300), (100, 150)), ((97, 61), (98, 62)), ((336, 500), (336, 500))]


@pytest.mark.parametrize("size,new", SIZES)
@pytest.mark.parametrize("kind", ["noise", "extremes", "ramp"])
def test_linear_resize_is_opencvs(size, new, kind):
    generator = np.random.default_rng(3)
    photo = {"noise": lambda: generator.integers(0, 256, (*size, 3)),
             "extremes": lambda: generator.integers(0, 2, (*size, 3)) * 255,
             "ramp": lambda: np.add.outer(np.arange(size[0]) * 3, np.arange(size[1]) * 2)[..., None] % 256
             * np.ones(3, int)}[kind]().astype(np.uint8)
    expected = cv2.resize(photo, new[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(image.resize_opencv_linear(photo, *new), expected.reshape(*new, 3))


def test_classification_crop_is_torchvisions():
    from PIL import Image
    from torchvision import transforms
    for size in [(427, 640), (640, 427), (224, 225), (50, 300)]:
        photo = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        steps = transforms.Compose([transforms.Resize(224, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224)])
        np.testing.assert_array_equal(image.resize_pil_bicubic(photo, 224), np.asarray(steps(Image.fromarray(photo))))


def test_sizes():
    assert image.scaled_size(427, 640, 336) == (336, 504)
    assert image.scaled_size(640, 427, 336) == (504, 336)
    assert image.scaled_size(1, 1, 336) == (336, 336)
    assert image.scaled_size(100, 2000, 336) == (102, 2048)  # the long side's limit wins


def test_windows():
    assert [x for x, _ in axis(504, 224, 112)] == [0, 112, 224, 280]
    assert len(windows(336, 504, 224, 112)) == 8
    assert axis(100, 224, 112) == [(0, 100)]
    assert axis(224, 224, 112) == [(0, 224)]
    assert windows(336, 504, 0, 112) == [(0, 336, 0, 504)]
