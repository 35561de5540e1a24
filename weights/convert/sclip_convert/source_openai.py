"""OpenAI's own checkpoints: the TorchScript archives they publish, and state dicts with their key names."""
from pathlib import Path

from .activation import Claim, decide
from .checkpoint import Checkpoint, digest, open_file
from .clip_keys import ANCHORS, IGNORABLE, infer_config, numbers
from .containers import find_model
from .errors import ConvertError
from .families import refuse_other_family
from .open_clip_names import has_tag, names_of

# SHA-256 of the published files, as the addresses that clip.load() downloads from spell them.
PUBLISHED = {
    "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af": "ViT-B-32",
    "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f": "ViT-B-16",
    "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836": "ViT-L-14",
    "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02": "ViT-L-14-336",
}


def open_openai(path, options):
    """A file of --from openai: QuickGELU, which is all that OpenAI's code knows, unless --activation says otherwise."""
    path = Path(path)
    tensors = find_model(open_file(path), path, ANCHORS, options.part)
    refuse_other_family(tensors, path, "openai")
    activation, warnings = decide([Claim("quick_gelu", "--from openai")], options.activation, path)
    config = infer_config(tensors, path, activation, options.vision_heads, options.text_heads)
    _refuse_shapes_of_others(config, path)
    sha256 = digest(path)
    checkpoint = Checkpoint("openai", tensors, config, IGNORABLE, path.stem, f"{path.name}, sha256 {sha256}",
                            folder=path.parent, warnings=warnings)
    if sha256 in PUBLISHED:
        checkpoint.model = PUBLISHED[sha256]
        checkpoint.licence = "MIT (OpenAI CLIP, https://github.com/openai/CLIP)"
    return checkpoint


def _refuse_shapes_of_others(config, path):
    """Other heads and another activation go with shapes that only others have trained."""
    names = names_of(numbers(config))
    if names and not any(has_tag(name, "openai") for name in names):
        raise ConvertError(f"{path}: these are the shapes of {' or '.join(names)}, which OpenAI never published: convert it "
                           "with --from open_clip")
