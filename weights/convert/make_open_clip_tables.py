"""Writes sclip_convert/data/open_clip_models.csv and open_clip_tags.csv from the installed open_clip.

usage: python make_open_clip_tables.py      (a test compares the files with what this makes)
"""
import csv
import io
from pathlib import Path

from sclip_convert.families import family_of_name
from sclip_convert.open_clip_config import TEXT_PLAIN, VISION_PLAIN

DATA = Path(__file__).with_name("sclip_convert") / "data"
MODEL_COLUMNS = ("name", "family", "activation", "embed", "width", "layers", "heads", "patch", "text_width",
                 "text_layers", "text_heads", "context", "vocabulary")
TAG_COLUMNS = ("model", "tag", "activation", "mean", "std")


def models_csv():
    """The text of open_clip_models.csv: every name; numbers for plain CLIPs, the family for all others."""
    import open_clip
    rows = []
    for name in open_clip.list_models():
        config = open_clip.get_model_config(name)
        vision, text = config["vision_cfg"], config["text_cfg"]
        row = {"name": name, "family": "" if _is_plain(config) else family_of_name(name)}
        if not row["family"]:
            row.update(activation=_activation(config), embed=config["embed_dim"], width=vision["width"],
                       layers=vision["layers"], heads=vision["width"] // vision.get("head_width", 64),
                       patch=vision["patch_size"], text_width=text["width"], text_layers=text["layers"],
                       text_heads=text["heads"], context=text["context_length"], vocabulary=text["vocab_size"])
        rows.append(row)
    return _text(MODEL_COLUMNS, rows)


def tags_csv():
    """The text of open_clip_tags.csv: the published weights of plain CLIPs; mean and std where they are not OpenAI's."""
    import open_clip
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    rows = []
    for name, tag in open_clip.list_pretrained():
        if _is_plain(open_clip.get_model_config(name)):
            config = open_clip.get_pretrained_cfg(name, tag)
            rows.append({"model": name, "tag": tag, "activation": _activation(config),
                         "mean": _triple(config["mean"], OPENAI_DATASET_MEAN),
                         "std": _triple(config["std"], OPENAI_DATASET_STD)})
    return _text(TAG_COLUMNS, rows)


def _is_plain(config):
    plain = [(config["vision_cfg"], VISION_PLAIN), (config["text_cfg"], TEXT_PLAIN)]
    return ("multimodal_cfg" not in config and not isinstance(config["vision_cfg"].get("layers"), list) and
            all(section.get(key, value) == value for section, values in plain for key, value in values.items()))


def _activation(config):
    return "quick_gelu" if config.get("quick_gelu") else "gelu"


def _triple(values, default):
    return "" if tuple(values) == tuple(default) else " ".join(map(str, values))


def _text(columns, rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


if __name__ == "__main__":
    (DATA / "open_clip_models.csv").write_text(models_csv(), encoding="utf-8")
    (DATA / "open_clip_tags.csv").write_text(tags_csv(), encoding="utf-8")
