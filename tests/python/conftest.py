"""Fixtures of the parity tests."""
from dataclasses import replace

import package_support
import parity
import pytest
import torch


@pytest.fixture(scope="session")
def sclip():
    """Path of the built command; a build without it fails its tests."""
    if not parity.SCLIP.exists():
        pytest.fail(f"{parity.SCLIP} does not exist: build it first (make build), or name another in SCLIP_BIN")
    return parity.SCLIP


@pytest.fixture(scope="session")
def random_vit(tmp_path_factory):
    """(Model in f32, state dict .pt, blob .sclip) of ViT-B/16 with random weights that f16 represents."""
    from tests.reference import random_weights
    from tests.reference.weights import load_model
    folder = tmp_path_factory.mktemp("vit-b-16")
    state = folder / "random.pt"
    random_weights.save_state_dict(random_weights.random_state_dict(), state)
    parity.convert(state, folder / "random.sclip")
    return load_model(state), state, folder / "random.sclip"


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    return parity.make_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="session")
def vit_f64(random_vit):
    """The model of random_vit in f64; what its blocks make of a photo is kept for the next policy."""
    return replace(random_vit[0].to(torch.float64), kept={})


@pytest.fixture(scope="session")
def oracle(random_vit, vit_f64, photos):
    return parity.Oracle(random_vit[0], vit_f64, photos)


@pytest.fixture(scope="session")
def bank_cache(tmp_path_factory):
    """A folder for sclip's text banks, so that each is computed once per session."""
    return tmp_path_factory.mktemp("banks")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A new environment with the Python package and NumPy, and nothing else."""
    return package_support.install(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def site(fresh, tmp_path_factory):
    """The installed package for an environment that has what results are handed to: this one."""
    folder = tmp_path_factory.mktemp("site")
    for package in ("sclip", "sclip_convert"):
        (folder / package).symlink_to(next(fresh.glob(f"lib/python*/site-packages/{package}")))
    return folder
