"""Names what a checkpoint is when it is not a CLIP that the engine can run."""
import re

from .errors import ConvertError

SUPPORTED = "only CLIP's own two transformers are supported"

# Of open_clip's names, the first that fits.
NAMES = [("SigLIP2", "SigLIP 2"), ("(?i)siglip", "SigLIP"), ("^EVA", "EVA-CLIP"), ("^MobileCLIP", "MobileCLIP"),
         ("^ViTamin", "ViTamin"), ("^PE-", "Perception Encoder"), ("(?i)^coca", "CoCa"), ("CLIPA", "CLIPA"),
         ("^convnext", "CLIP with a ConvNeXt"), ("^RN", "CLIP with a ResNet"), ("^swin", "CLIP with a Swin transformer"),
         ("^vit_", "CLIP with a vision transformer of timm"), ("worldwide", "MetaCLIP 2, of another vocabulary"),
         ("-alt$", "CLIP with layer scale"), ("", "CLIP with a text tower of another kind")]

# Of keys, in the order in which they are tried: a LoRA of a SigLIP is a LoRA first.
KEYS = [
    (r"(.*_)?(lora_[a-zA-Z]+|hada_w\d_[ab]|lokr_w\d)([._].*)?", "a model with LoRA adapters that are not merged: merge "
     "them first (peft's merge_and_unload) and save the result"),
    (r"(absmax|quant_state\..*|quant_map|SCB|qweight|qzeros)", "a quantised model: save it in F16, BF16 or F32"),
    (r"text_decoder\..*", "CoCa"),
    (r"visual\.(layer1\.0\.conv1\.weight|attnpool\..*)", "CLIP with a ResNet"),
    (r"visual\.trunk\.blocks\.0\.attn\.(q_bias|q_proj\.weight)", "EVA-CLIP"),
    (r"visual\.blocks\.0\.attn\.(q_bias|q_proj\.weight|qkv\.weight)", "EVA-CLIP"),
    (r"visual\.trunk\.patch_embed\.backbone\.stem\..*", "ViTamin"),
    (r"visual\.trunk\.(stem\.0\.conv_kxk\..*|patch_embed\.backbone\.0\.conv\.weight)", "MobileCLIP"),
    (r"image_encoder\.model\.(patch_embed|patch_emb|network|conv_stem).*", "MobileCLIP"),
    (r"visual\.trunk\.stages\.\d+\.blocks\.\d+\.(conv_dw|gamma).*", "CLIP with a ConvNeXt"),
    (r"visual\.trunk\.layers\..*relative_position_bias_table", "CLIP with a Swin transformer"),
    (r"visual\.trunk\.attn_pool\..*", {"logit_bias": "SigLIP", "text.text_projection.bias": "SigLIP",
                                       "": "Perception Encoder"}),
    (r"visual\.trunk\..*", "CLIP with an image tower of timm"),
    (r"vision_model\.head\.(attention|probe).*", "SigLIP"),
    (r"(text_model\.embeddings\.word_embeddings|bert\.embeddings)\..*", "Chinese-CLIP or another CLIP with a BERT"),
    (r"text\.transformer\.(embeddings|encoder|shared|embed_tokens)\..*", "CLIP with a text tower of Hugging Face"),
    (r"resblocks\.\d+\.ls_[12]\.gamma", "CLIP with layer scale"),
    (r"visual\.attn_pool\..*", "CLIP with attentional pooling"),
    (r"positional_embedding_res", "Long-CLIP"),
    (r"(visual_encoder|image_encoder|vision_encoder)\..*", "BLIP, ALIGN or another model of image and text"),
    (r"(cond_stage_model|first_stage_model|conditioner)\..*", "a Stable Diffusion"),
    (r"(bert|roberta|encoder\.block\.0|decoder\.block\.0|model\.layers\.0)\..*", "a language model"),
    (r"blocks\.0\.attn\.qkv\.weight", "a vision transformer without a text tower (DINO, MAE, timm's)"),
    (r"(features\.0\.0|layer1\.0\.conv1|stages\.0\.blocks\.0).*", "an image classifier"),
]
OPENAI_KEY, HF_KEY = "visual.class_embedding", "vision_model.embeddings.class_embedding"
# The first tensor of the text tower, and what the keys of any begin with.
TEXT_KEYS = {"openai": ("token_embedding.weight", ("transformer.", "text.", "token_embedding.", "ln_final.")),
             "hf": ("text_model.embeddings.token_embedding.weight", ("text_model.", "encoder.", "embeddings."))}
VOCABULARIES = {256000: "SigLIP 2"}

# Of config.json's model_type.
MODEL_TYPES = {"siglip": "SigLIP", "siglip2": "SigLIP 2", "chinese_clip": "Chinese-CLIP", "metaclip_2": "MetaCLIP 2",
               "align": "ALIGN", "altclip": "AltCLIP", "blip": "BLIP", "blip-2": "BLIP-2", "clipseg": "CLIPSeg",
               "owlvit": "OWL-ViT", "owlv2": "OWLv2", "groupvit": "GroupViT", "flava": "FLAVA", "xclip": "X-CLIP",
               "vision-text-dual-encoder": "VisionTextDualEncoder", "clip_vision_model": "CLIP's image tower alone",
               "clip_text_model": "CLIP's text tower alone", "evaclip": "EVA-CLIP", "dinov2": "DINOv2", "vit": "ViT"}


def family_of_name(name):
    """The family of a name of open_clip's that is not a plain CLIP."""
    return next(family for pattern, family in NAMES if re.search(pattern, name))


def refuse_other_family(tensors, where, source):
    """Raises ConvertError that names the family, if the keys are not of a CLIP in the layout `source`.

    `tensors` is {key: Tensor}, without prefixes; `source` is openai, open_clip or hf.
    """
    for pattern, family in KEYS:
        key = next((key for key in tensors if re.fullmatch(f"(?:.*\\.)?(?:{pattern})", key)), None)
        if key is not None:
            if isinstance(family, dict):
                family = next(name for other, name in family.items() if not other or other in tensors)
            raise ConvertError(f"{where}: this is {_exact(family, tensors)}; {SUPPORTED}. Its tensor {key} says so")
    if source == "openai" and "text.token_embedding.weight" in tensors:
        raise ConvertError(f"{where}: its text tower lies under `text.`, as open_clip's: convert it with --from open_clip")
    own, other = (HF_KEY, OPENAI_KEY) if source == "hf" else (OPENAI_KEY, HF_KEY)
    if other in tensors and own not in tensors:
        advice = "open_clip, or openai" if source == "hf" else "hf and its folder"
        raise ConvertError(f"{where}: its keys are not those of --from {source}: {other}; convert it with --from {advice}")
    text, text_keys = TEXT_KEYS["hf" if source == "hf" else "openai"]
    if own in tensors and not any(key.startswith(text_keys) for key in tensors):
        raise ConvertError(f"{where}: this is CLIP's image tower alone, {text} is missing; both towers are needed")
    if text in tensors and not any(key.startswith(("visual.", "vision_model.")) for key in tensors):
        raise ConvertError(f"{where}: this is CLIP's text tower alone, {own} is missing; both towers are needed")
    if own in tensors and source != "hf" and not any(key.startswith("visual.ln_pre.") for key in tensors):
        raise ConvertError(f"{where}: this is CLIPA or another CLIP without visual.ln_pre; {SUPPORTED}")


def refuse_model_type(config, where):
    """Raises ConvertError if config.json's model_type is not CLIP's."""
    kind = config.get("model_type")
    if kind != "clip":
        name = MODEL_TYPES.get(kind) if isinstance(kind, str) else None
        known = f"this is {name}: " if name else ""
        raise ConvertError(f"{where}: {known}model_type is {kind!r}, 'clip' is supported")


def _exact(family, tensors):
    if family == "SigLIP":
        shapes = [tensor.shape for key, tensor in tensors.items() if key.endswith("token_embedding.weight")]
        return next((VOCABULARIES[shape[0]] for shape in shapes if shape and shape[0] in VOCABULARIES), family)
    return family
