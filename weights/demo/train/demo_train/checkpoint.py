"""The result: a state dict under OpenAI's names, in f16."""
import math
from pathlib import Path

import torch

from .model import Learner, TextTower, for_quick_gelu
from .words_to_text import VOCABULARY, Tokens


def write_checkpoint(path: Path, learner: Learner, tower: TextTower, tokens: Tokens, scale: float) -> int:
    """Token rows that no prompt used are zero. Returns the number of parameters."""
    state = {f"visual.{name}": value for name, value in learner.visual.state_dict().items()} | tower.state_dict()
    table = torch.zeros(VOCABULARY, state["token_embedding.weight"].shape[1])
    table[torch.tensor(tokens.ids)] = state["token_embedding.weight"]
    state["token_embedding.weight"] = table
    state["logit_scale"] = torch.tensor(math.log(scale))
    state = {name: for_quick_gelu(name, value).half().contiguous() for name, value in state.items()}
    temporary = path.with_name(path.name + ".tmp")
    torch.save(state, temporary)
    temporary.replace(path)
    return sum(value.numel() for value in state.values())
