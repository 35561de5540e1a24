"""QuickGELU or GELU: weights do not tell, so that it is decided by what else is known, and asked for where that fails."""
from dataclasses import dataclass

from .errors import ConvertError

ACTIVATIONS = ("quick_gelu", "gelu")


@dataclass(frozen=True)
class Claim:
    """Something that says which activation the model was trained with."""

    activation: str
    why: str  # "--model ViT-B-16", say


def decide(claims, chosen, where):
    """(activation, warnings). `chosen` is --activation or None and wins; else all claims must agree, and one is needed.

    Raises ConvertError that asks for --activation.
    """
    against = [claim for claim in claims if chosen and claim.activation != chosen]
    if chosen:
        return chosen, [f"--activation {chosen} was taken, although {_list(against)}"] if against else []
    kinds = {claim.activation for claim in claims}
    if not kinds:
        raise ConvertError(f"{where}: weights do not tell QuickGELU from GELU; give --model (ViT-B-16-quickgelu, say), "
                           "--config open_clip_config.json, or --activation quick_gelu or gelu")
    if len(kinds) > 1:
        raise ConvertError(f"{where}: {_list(claims)}; decide with --activation quick_gelu or gelu")
    return kinds.pop(), []


def _list(claims):
    return " and ".join(f"{claim.why} means {claim.activation}" for claim in claims)
