"""Where in a checkpoint the model lies: bare, in containers as training scripts write them, or behind prefixes."""
from .errors import ConvertError
from .tensors import Tensor

# Parts of a key that DistributedDataParallel, torch.compile, FSDP and checkpointing put in; no CLIP has such a module.
WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
TOWERS = ("vision_model", "text_model")  # models of one tower repeat its name where they are part of a larger one
MAX_DEPTH = 8


def find_model(obj, path, anchors, part=None):
    """{key: Tensor} of the one model in `obj`, a nest of dictionaries: containers, prefixes and wrappers taken off.

    A model is known by its `anchors`, keys of which one at least must be there. Where there are several models, `part`
    names one, as the error that lists them does. Keys of the model's own dictionary that do not carry its prefix stay
    as they are, unless they are another model's. Without any anchor: the dictionary with most tensors, for others to
    say what is missing. Raises ConvertError for an unknown `part`, for several models without one, and for two keys
    that differ by wrappers alone.
    """
    found, largest = {}, {}
    for place, tensors in _dictionaries(obj, (), set()):
        if len(tensors) > len(largest):
            largest = tensors
        prefixes = _prefixes(tensors, anchors)
        for prefix in prefixes:
            found[".".join((*place, *prefix))] = (tensors, prefix, prefixes - {prefix})
    names = ", ".join(name or "'' (the file itself)" for name in sorted(found))
    if part is not None and part.rstrip(".") not in found:
        raise ConvertError(f"{path}: no CLIP under {part}; there is one under: {names or 'nothing'}")
    if part is None and len(found) > 1:
        raise ConvertError(f"{path}: it holds {len(found)} models, under {names}; choose one with --part")
    if not found:
        return largest
    return _without_prefix(*(next(iter(found.values())) if part is None else found[part.rstrip(".")]))


def _dictionaries(obj, place, seen):
    """(path, {key: Tensor}) of each dictionary that holds tensors, wrappers taken out of its keys."""
    if not isinstance(obj, dict) or len(place) > MAX_DEPTH or id(obj) in seen:
        return
    seen.add(id(obj))
    tensors = {str(key): value for key, value in obj.items() if isinstance(value, Tensor)}
    if tensors:
        yield place, _unwrapped(tensors)
    for key, value in obj.items():
        if isinstance(key, str):
            yield from _dictionaries(value, (*place, key), seen)


def _unwrapped(tensors):
    out = {}
    for key, value in tensors.items():
        parts = [part for part in key.split(".") if part not in WRAPPERS]
        name = ".".join(part for i, part in enumerate(parts) if not (i and part in TOWERS and part == parts[i - 1]))
        if name in out:
            raise ConvertError(f"tensor {name} is there twice, once as {key}")
        out[name] = value
    return out


def _prefixes(tensors, anchors):
    """The prefixes, split at their dots, under which anchors lie."""
    return {tuple(key[:-len(anchor)].split(".")[:-1]) for key in tensors for anchor in anchors
            if key == anchor or key.endswith("." + anchor)}


def _without_prefix(tensors, prefix, others):
    start = _dotted(prefix)
    strangers = tuple(_dotted(other) for other in others if other)
    nested = tuple(stranger for stranger in strangers if stranger.startswith(start))
    out = {key[len(start):]: value for key, value in tensors.items()
           if key.startswith(start) and not key.startswith(nested)}
    for key, value in tensors.items():
        if not key.startswith((start, *strangers)):
            out.setdefault(key, value)
    return out


def _dotted(parts):
    return "".join(part + "." for part in parts)
