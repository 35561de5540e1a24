"""Converts CLIP checkpoints to sclip weight blobs; needs numpy and no PyTorch."""

__version__ = "0.1.0"
