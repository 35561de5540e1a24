"""Cut photographs into regions named by words.

    import sclip
    model = sclip.load("clip-vit-b16.sclip")            # or "demo"
    result = model.segment("photo.jpg", ["sky", "tree, trees", "person"])
    result.mask                                          # (H, W) class numbers

A model may be used by any number of threads at once; calls of native code release the interpreter's lock. After a fork the child
loads a model of its own.
"""
from ._sclip import Error, version as __version__
from .features import Features
from .model import Model, load
from .result import Result

__all__ = ["Error", "Features", "Model", "Result", "__version__", "load"]
