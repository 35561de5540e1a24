"""Afterwards: the text tower learns to turn prompts with a concept's words into that concept's vector."""
import math
import time

import numpy as np
import torch
import torch.nn.functional as F

from .model import TextTower
from .vocabulary import Vocabulary, read_templates

VOCABULARY, CONTEXT, START, END = 49408, 77, 49406, 49407


class Tokens:
    """CLIP's tokens of all prompts that the words and templates make, renumbered to the rows that are used."""

    def __init__(self, vocabulary: Vocabulary, templates: list[str]):
        from open_clip.tokenizer import SimpleTokenizer
        self.encode = SimpleTokenizer().encode
        prompts = [template.format("") for template in templates] + [word for words in vocabulary.words for word in words]
        # A word may be spelled otherwise before punctuation: both are prompted.
        prompts += [template.format(word) for template in templates[:2] for words in vocabulary.words for word in words]
        prompts += [template.format(word) for template in templates for word in ("sky", "apple")]
        self.ids = sorted({START, END} | {token for prompt in prompts for token in self.encode(prompt)})
        self.row = {token: row for row, token in enumerate(self.ids)}

    def __call__(self, prompts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows (B, L), and where each prompt ends."""
        lists = [[START, *self.encode(prompt), END] for prompt in prompts]
        rows = torch.zeros(len(lists), max(map(len, lists)), dtype=torch.long)
        for i, tokens in enumerate(lists):
            rows[i, :len(tokens)] = torch.tensor([self.row[token] for token in tokens])
        return rows, torch.tensor([len(tokens) - 1 for tokens in lists])


def teach(config: dict, vocabulary: Vocabulary, concepts: torch.Tensor, report=print) -> tuple[TextTower, Tokens]:
    """concepts: (C, E), unit length."""
    options, model = config["text"], config["model"]
    templates = ["{}", "{}"] + read_templates()
    tokens = Tokens(vocabulary, templates)
    torch.manual_seed(config["run"]["seed"])
    tower = TextTower(model["text_width"], model["text_layers"], model["embedding"], len(tokens.ids))
    words = [(word, concept) for concept, group in enumerate(vocabulary.words) for word in group]
    optimiser = torch.optim.AdamW(tower.parameters(), lr=options["learning_rate"], weight_decay=0.01, betas=(0.9, 0.98))
    random, begun = np.random.default_rng(config["run"]["seed"]), time.monotonic()
    for step in range(options["steps"]):
        for group in optimiser.param_groups:
            group["lr"] = options["learning_rate"] * min(1, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / options["steps"])) + 1e-6
        chosen = random.integers(len(words), size=options["batch"])
        prompts = [templates[random.integers(len(templates))].format(words[i][0]) for i in chosen]
        targets = torch.tensor([words[i][1] for i in chosen])
        features = F.normalize(tower(*tokens(prompts)), dim=-1)
        cosine = (features * concepts[targets]).sum(1)
        loss = 4 * (1 - cosine).mean() + 0.5 * F.cross_entropy(20 * features @ concepts.T, targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 100 == 0:
            report(f"text step {step + 1} of {options['steps']}  cosine {cosine.mean().item():.3f}  {time.monotonic() - begun:.0f} s")
    return tower.eval(), tokens


@torch.no_grad()
def nearness(tower: TextTower, tokens: Tokens, vocabulary: Vocabulary, concepts: torch.Tensor) -> float:
    """Mean cosine of the words, each averaged over the 80 templates, and their concepts' vectors."""
    cosines = []
    for concept, group in enumerate(vocabulary.words):
        for word in group:
            features = F.normalize(tower(*tokens([template.format(word) for template in read_templates()])), dim=-1)
            cosines.append(F.normalize(features.mean(0), dim=-1) @ concepts[concept])
    return torch.stack(cosines).mean().item()
