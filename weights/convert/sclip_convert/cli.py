"""The command line."""
import argparse
import sys
from pathlib import Path

from . import __version__
from .activation import ACTIVATIONS
from .blob import write_blob
from .convert import blob_entries
from .errors import ConvertError
from .limits import check_limits
from .merges import CLIP_VOCABULARY, merges_text
from .positions import METHODS
from .source_hf import open_hf
from .source_open_clip import open_open_clip
from .source_openai import open_openai
from .tokenizer_files import read_tokenizer

OPENERS = {"openai": open_openai, "open_clip": open_open_clip, "hf": open_hf}


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise ConvertError(f"{message} (see --help)")


def parse_arguments(argv):
    """The options, or ConvertError."""
    parser = _Parser(prog="sclip_convert", description="Converts a CLIP checkpoint to an sclip weight blob.")
    parser.add_argument("input", help="checkpoint file, or folder for --from hf")
    parser.add_argument("--from", dest="kind", required=True, choices=OPENERS, help="kind of checkpoint")
    parser.add_argument("-o", "--output", required=True, help="blob to write, X.sclip")
    parser.add_argument("--dtype", choices=("f16", "bf16", "f32"), default="f16",
                        help="of the matrices; vectors and positions stay f32 (default: f16)")
    parser.add_argument("--model", help="open_clip's name: ViT-B-16-quickgelu has QuickGELU, ViT-B-16 GELU")
    parser.add_argument("--pretrained", metavar="TAG", help="open_clip's tag of the weights, with --model: openai, say")
    parser.add_argument("--config", help="open_clip_config.json (default: the one beside the file, if any)")
    parser.add_argument("--activation", choices=ACTIVATIONS, help="whatever name and config say (default: as they say)")
    parser.add_argument("--part", metavar="NAME", help="which model, where the file holds several: state_dict_ema, say")
    parser.add_argument("--vision-heads", type=_positive, help="heads of the image tower (default: by the "
                        "config, or as open_clip's towers of this width have, else width/64)")
    parser.add_argument("--text-heads", type=_positive, help="heads of the text tower (default: by the config, "
                        "else width/64)")
    parser.add_argument("--merges", help="BPE merges, plain or .gz (default: CLIP's; for another vocabulary "
                        "those in the checkpoint's folder)")
    parser.add_argument("--image-size", type=_positive, help="resize the position table to this native image size")
    parser.add_argument("--position-interp", choices=METHODS, default=METHODS[0],
                        help="how --image-size does it: antialiased as open_clip, or as sclip at run time")
    parser.add_argument("--crop", type=_natural, help="default window side, 0 for whole images (default: native size)")
    parser.add_argument("--stride", type=_positive, help="default window stride (default: half the window)")
    parser.add_argument("--short-side", type=_positive, help="default short side of photos (default: 3/2 of native)")
    parser.add_argument("--name", help="the model's name in the blob")
    parser.add_argument("--source", help="where the weights come from (default: file name and digest)")
    parser.add_argument("--licence", help="of the weights")
    parser.add_argument("--notes", help="anything a user of the blob should know")
    parser.add_argument("--known-words", help="comma-separated, for models trained on a closed vocabulary")
    parser.add_argument("--version", action="version", version=f"sclip_convert {__version__}")
    options = parser.parse_args(argv)
    for name in ("model", "pretrained", "config"):
        if getattr(options, name) and options.kind != "open_clip":
            raise ConvertError(f"--{name} goes with --from open_clip, not with --from {options.kind}")
    return options


def _natural(text):
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _positive(text):
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def convert(options):
    """Runs a conversion; returns the sentence that reports it, and a list of warnings."""
    checkpoint = OPENERS[options.kind](options.input, options)
    config = checkpoint.config
    native_tokens = config.tokens
    if options.image_size:
        if options.image_size % config.patch_size:
            raise ConvertError(f"--image-size {options.image_size} is not a multiple of the patch, {config.patch_size}")
        config.image_size = options.image_size
    config.crop, config.stride, config.short_side = options.crop, options.stride, options.short_side
    if options.known_words:
        config.known_words = [word.strip() for word in options.known_words.split(",") if word.strip()]
    check_limits(config)
    own = checkpoint.merges
    if not own and config.vocabulary != CLIP_VOCABULARY and not options.merges:
        own = read_tokenizer(checkpoint.folder)
    merges = merges_text(config.vocabulary, options.merges, own)
    if checkpoint.end_of_text not in (None, config.vocabulary - 1):
        raise ConvertError(f"{options.input}: the text is read off at token {checkpoint.end_of_text} (eos_token_id), "
                           f"which is not the last of {config.vocabulary}; only CLIP's order of tokens is supported")
    entries = blob_entries(checkpoint, options.dtype, merges, options.position_interp, native_tokens)
    metadata = {"model": options.name or checkpoint.model, "source": options.source or checkpoint.origin,
                "licence": options.licence or checkpoint.licence, "notes": options.notes or "",
                "converter": f"sclip_convert {__version__}", "config": config.config_json(),
                "preprocessing": config.preprocessing_json()}
    size, _ = write_blob(options.output, entries, metadata)
    parameters = sum(entry.bytes // {"F32": 4, "F16": 2, "BF16": 2}[entry.dtype] for entry in entries
                     if entry.dtype != "U8")
    return (f"wrote {options.output}: {metadata['model']}, {parameters / 1e6:.1f} M parameters, {options.dtype}, "
            f"{config.activation}, {size / 1e6:.1f} MB"), checkpoint.warnings


def main(argv=None):
    """Returns the exit code: 0, or 2 with one line on stderr."""
    try:
        report, warnings = convert(parse_arguments(argv))
        for warning in warnings:
            print(f"sclip_convert: warning: {_line(warning)}", file=sys.stderr)
        print(report)
        return 0
    except ConvertError as error:
        print(f"sclip_convert: error: {_line(error)}", file=sys.stderr)
        return 2


def _line(text):
    return " ".join(str(text).split())
