"""Many photos on many machines, by Ray.

    import sclip.ray
    sclip.ray.segment_dataset("photos", "sky; tree, trees", "found")     # masks and Parquet; goes on where it was interrupted
    dataset.map_batches(sclip.ray.Segmenter, …)                          # a step of a pipeline of Ray Data
    serve.run(sclip.ray.deployment("sky; tree, trees"))                  # behind HTTP, by Ray Serve

Every process that computes loads a model of its own. Needs Ray: pip install 'sclip[ray]'.
"""
try:
    import ray as _ray  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401
    import pyarrow as _pyarrow  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401
except ImportError as error:
    raise ImportError("sclip.ray stands on Ray and pyarrow, and one of them is not installed: pip install 'sclip[ray]', "
                      "or pip install 'ray[data,serve]'") from error

from .dataset import Summary, segment_dataset
from .segmenter import Segmenter
from .serving import deployment

__all__ = ["Segmenter", "Summary", "deployment", "segment_dataset"]
