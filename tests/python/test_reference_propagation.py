"""The reference's label propagation, by what is known of it without computing it the same way."""
import numpy as np
import torch

from tests.reference.propagation import certainty, matrix, propagate


def planes_of(queries, height, width, seed=3):
    return torch.from_numpy(np.random.default_rng(seed).normal(0.2, 0.04, (queries, height, width)))


def test_enough_steps_solve_the_dense_system():
    guide, planes = planes_of(3, 6, 7, 1), planes_of(2, 6, 7)
    bank = planes_of(1, 2, 16, 5)[0]
    confidence, product = matrix(guide, planes, certainty(bank))
    columns = [product(column.reshape(1, 6, 7))[0].flatten() for column in torch.eye(42, dtype=torch.float64)]
    dense = torch.stack(columns, dim=1)
    torch.testing.assert_close(dense, dense.T)
    solved = torch.linalg.solve(dense, (confidence * planes).reshape(2, 42).T).T.reshape(2, 6, 7)
    # The denominators' 1e-12 ends the descent where the residual has that square.
    torch.testing.assert_close(propagate(guide, planes, bank, iterations=200), solved, rtol=0, atol=1e-6)


def test_a_word_is_surer_the_less_others_are_like_it():
    sure = certainty(torch.tensor([[1.0, 0, 0], [0.9, 0.1, 0], [0, 0, 1]], dtype=torch.float64))
    assert sure[2] > sure[0] and (sure > 10 / 11.01).all() and (sure < 1).all()


def test_nothing_to_carry_on_changes_nothing():
    flat = torch.full((2, 30, 40), 0.3, dtype=torch.float64)
    torch.testing.assert_close(propagate(planes_of(3, 20, 30), flat, planes_of(1, 2, 8)[0], cells=8), flat)
