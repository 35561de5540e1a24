"""The limits of the format on a config, as the loader (weights/model_config.cpp) enforces them."""
from .errors import ConvertError

WIDTH_MULTIPLE = 32


def check_limits(config):
    """Refuses what the loader would refuse."""
    for name, tower in (("image", config.vision), ("text", config.text)):
        for what, value, high in (("width", tower.width, 8192), ("MLP", tower.mlp_width, 65536)):
            if value % WIDTH_MULTIPLE or not 0 < value <= high:
                raise ConvertError(f"the {name} tower's {what} is {value} wide; the format takes multiples of "
                                   f"{WIDTH_MULTIPLE} up to {high}")
        if not 1 <= tower.layers <= 128:
            raise ConvertError(f"the {name} tower has {tower.layers} layers; the format takes 1 to 128")
        if tower.heads < 1 or tower.width % tower.heads:
            raise ConvertError(f"the {name} tower's width, {tower.width}, does not divide into {tower.heads} heads")
    for what, value, low, high in (("image size", config.image_size, 1, 4096), ("patch", config.patch_size, 1, 256),
                                   ("text context", config.context, 2, 4096), ("embedding", config.embed_dim, 1, 8192),
                                   ("vocabulary", config.vocabulary, 515, 1 << 20)):
        if not low <= value <= high:
            raise ConvertError(f"the {what} is {value}; the format takes {low} to {high}")
    crop, stride = config.crop, config.stride
    if crop and crop < config.patch_size:
        raise ConvertError(f"--crop {crop} is smaller than a patch of {config.patch_size}")
    window = config.image_size if crop is None else crop
    if stride and window and stride > window:
        raise ConvertError(f"--stride {stride} leaves gaps between windows of {window}")
