"""The reference's refinement: by hand where the answer is known, and the committed goldens are what it makes."""
import numpy as np
import pytest
import torch

from tests.reference import make_pamr_goldens
from tests.reference.pamr import pamr, weights


def test_a_flat_image_averages_the_neighbours():
    planes = torch.zeros(1, 5, 5, dtype=torch.float64)
    planes[0, 2, 2] = 1
    refined = pamr(torch.full((3, 5, 5), 0.7, dtype=torch.float64), planes, iterations=1, dilations=(1,))
    expected = torch.zeros(5, 5, dtype=torch.float64)
    expected[1:4, 1:4] = 1 / 8
    expected[2, 2] = 0  # a pixel is not its own neighbour
    torch.testing.assert_close(refined[0], expected)


def test_affinity_by_hand():
    # One row 0, 0, 1 at dilation 1: for the middle pixel the neighbours are 0 three times, 1 three times and, above and
    # below, 0 twice; nine samples with itself, mean 1/3, unbiased variance (6·(1/3)² + 3·(2/3)²) / 8 = 1/4.
    image = torch.tensor([0.0, 0, 1], dtype=torch.float64).expand(3, 1, 3)
    w = weights(image, 1, 3, (1,))[:, 0, 1]
    far = np.exp(-1 / (1e-8 + 0.1 * 0.5))
    expected = np.array([1, 1, far, 1, far, 1, 1, far]) / (5 + 3 * far)
    np.testing.assert_allclose(w.numpy(), expected, rtol=1e-12)


def test_weights_sum_to_one_and_planes_keep_their_range():
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(3, 20, 30, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(weights(image, 27, 41).sum(0), torch.ones(27, 41, dtype=torch.float64))
    planes = torch.rand(2, 27, 41, generator=generator, dtype=torch.float64)
    refined = pamr(image, planes)
    assert refined.min() >= planes.min() and refined.max() <= planes.max() and refined.std() < planes.std()


@pytest.mark.parametrize("name", make_pamr_goldens.CASES)
def test_goldens_are_what_the_reference_makes(name):
    for part, array in make_pamr_goldens.make(name).items():
        stored = np.load(make_pamr_goldens.FOLDER / f"{name}-{part}.npy")
        # f64 sums in another order, rounded to f32 once.
        np.testing.assert_allclose(stored, array, rtol=2**-23, atol=1e-9, err_msg=part)
