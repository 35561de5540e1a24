"""The image tower's training, step by step; it can be stopped at any time and goes on at the last checkpoint."""
import copy
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from .curve import Curve
from .loss import Crops, losses
from .model import Learner
from .start import mimic_attention, whiten_patches
from .views import Batch, Views

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]) * 255
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]) * 255


def normalise(pixels):
    """(B, H, W, 3) of 0…255 → (B, 3, H, W)."""
    return ((pixels.float() - MEAN) / STD).permute(0, 3, 1, 2)


def recolour(pixels):
    """Brightness, tint, contrast and saturation, each by chance; now and then grey."""
    count = len(pixels)

    def factor(reach, channels=1):
        return 1 + (torch.rand(count, 1, 1, channels) * 2 - 1) * reach

    x = pixels.float() * (factor(0.3) * factor(0.08, 3))
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * factor(0.3) + mean
    grey = x.mean(3, keepdim=True)
    saturation = factor(0.4).masked_fill(torch.rand(count, 1, 1, 1) < 0.08, 0)
    return (grey + (x - grey) * saturation).clamp_(0, 255)


def make_optimisers(learner: Learner, options: dict):
    """Muon for the blocks' matrices, AdamW for all else; or AdamW alone."""
    matrices = [p for name, p in learner.visual.named_parameters() if p.ndim == 2 and ".resblocks." in name]
    taken = {id(p) for p in matrices}
    decaying = [learner.visual.conv1.weight, learner.visual.proj]
    taken |= {id(p) for p in decaying}
    others = [p for p in learner.parameters() if id(p) not in taken]
    rate, decay = options["learning_rate"], options["weight_decay"]
    groups = [dict(params=decaying, weight_decay=decay), dict(params=others, weight_decay=0.0)]
    if options["name"] == "muon":
        muon = torch.optim.Muon(matrices, lr=rate, weight_decay=decay, momentum=0.95, adjust_lr_fn="match_rms_adamw")
        return [muon, torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)]
    groups[0]["params"] = decaying + matrices
    return [torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)]


def rate_at(step: int, steps: int, options: dict) -> float:
    """Up, level, and down to nothing over the last part: a run that is lengthened later goes on at its level."""
    left = (steps - step) / max(1, options["decay"] * steps)
    return options["learning_rate"] * min(1, (step + 1) / options["warm_up"], max(left, 1e-3))


class Batches(torch.utils.data.Dataset):
    def __init__(self, views: Views, first: int, steps: int):
        self.views, self.first, self.steps = views, first, steps

    def __len__(self):
        return self.steps - self.first

    def __getitem__(self, number):
        batch = self.views(self.first + number)
        return Batch(*(torch.from_numpy(part) for part in vars(batch).values()))


class Trainer:
    def __init__(self, config: dict, views: Views, folder: Path, evaluate=None, report=print):
        self.config, self.views, self.folder, self.evaluate, self.report = config, views, folder, evaluate, report
        self.batch = config["views"]["batch"]
        self.steps = config["run"]["views"] // self.batch
        torch.manual_seed(config["run"]["seed"])
        self.learner = Learner(config["model"], views.concepts, config["loss"]["scale"])
        mimic_attention(self.learner.visual)
        first = torch.cat([torch.from_numpy(views(-1 - i & 0xFFFFFFFF).pixels) for i in range(max(1, 1024 // self.batch))])
        whiten_patches(self.learner.visual, normalise(first))
        self.average = copy.deepcopy(self.learner).requires_grad_(False)
        self.optimisers = make_optimisers(self.learner, config["optimiser"])
        self.step = 0
        self.resume()

    @property
    def decaying(self):
        return self.step >= self.steps - int(self.config["optimiser"]["decay"] * self.steps)

    def resume(self):
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        saved = torch.load(path, weights_only=True)
        same = {part: saved["config"][part] == self.config[part] for part in ("model", "photos", "source")}
        if not all(same.values()):
            raise ValueError(f"{path} was written with another [{next(p for p in same if not same[p])}] of the config: "
                             "train in another folder, or remove it to begin anew")
        self.learner.load_state_dict(saved["learner"])
        self.average.load_state_dict(saved["average"])
        for optimiser, state in zip(self.optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        self.step = saved["step"]
        self.report(f"goes on at step {self.step}")

    def save(self, name="checkpoint.pt"):
        state = dict(config=self.config, step=self.step, learner=self.learner.state_dict(), average=self.average.state_dict(),
                     optimisers=[optimiser.state_dict() for optimiser in self.optimisers])
        temporary = self.folder / (name + ".tmp")
        torch.save(state, temporary)
        temporary.replace(self.folder / name)

    def train(self, until=None):
        run, until = self.config["run"], min(until or self.steps, self.steps)
        workers = run.get("workers", 1)
        loader = torch.utils.data.DataLoader(Batches(self.views, self.step, until), batch_size=None, num_workers=workers,
                                             prefetch_factor=4 if workers else None)
        curve, begun, first, sums = Curve(self.folder), time.monotonic(), self.step, {}
        for batch in loader:
            if self.decaying and not (self.folder / "level.pt").exists():
                self.save("level.pt")  # where a longer run would go on
            for name, value in self.advance(batch).items():
                sums[name] = sums.get(name, 0.0) + value
            self.step += 1
            if self.step % run["report_every"] == 0 or self.step == until:
                count = (self.step - 1) % run["report_every"] + 1
                pace = (time.monotonic() - begun) / (self.step - first)
                means = {name: value / min(count, self.step - first) for name, value in sums.items()}
                curve.add(self.step * self.batch, means)
                self.report(f"step {self.step} of {self.steps}  " + "  ".join(f"{name} {value:.3f}" for name, value in means.items())
                            + f"  {self.batch / pace:.0f} views/s  {pace * (self.steps - self.step) / 60:.0f} min left")
                sums = {}
            if self.step % run["checkpoint_every"] == 0 or self.step == until:
                self.save()
                if self.evaluate and (self.step // run["checkpoint_every"] % run.get("evaluate_every", 5) == 0 or self.step == until):
                    figures = self.evaluate(self.average)
                    curve.add(self.step * self.batch, figures, "figures")
                    self.report(f"step {self.step}  " + "  ".join(f"{name} {value:.1f}" for name, value in figures.items()))

    def advance(self, batch: Batch) -> dict[str, float]:
        options = self.config["optimiser"]
        torch.manual_seed(self.config["run"]["seed"] * 1_000_003 + self.step)  # the same step is the same after a stop
        pixels = normalise(recolour(batch.pixels))
        count, patches = len(pixels), self.learner.visual.side**2
        kept, inside = None, batch.inside
        if options["patch_dropout"] and self.step < self.steps * (1 - options["whole"]):
            kept = torch.rand(count, patches).argsort(1)[:, :patches - int(patches * options["patch_dropout"])]
            inside = inside.gather(2, kept[:, None].expand(-1, inside.shape[1], -1))
        with torch.autocast("cpu", torch.bfloat16):
            features = self.learner.visual(pixels, "sclip", kept)
        scale = self.learner.log_scale.exp().clamp(max=self.config["loss"]["scale_limit"])
        crops = Crops(inside, batch.words, batch.silent, batch.dominant, batch.valid)
        terms = losses(features, F.normalize(self.learner.concepts, dim=-1), scale, crops, self.config["loss"])
        total = sum(self.config["loss"][name] * term for name, term in terms.items())
        if not torch.isfinite(total):
            raise FloatingPointError(f"the loss is {total.item()} at step {self.step}: lower [optimiser] learning_rate")
        rate = rate_at(self.step, self.steps, options)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        with torch.no_grad():
            weight = 1 - min(options["average"], (1 + self.step) / (10 + self.step))
            torch._foreach_lerp_(list(self.average.parameters()), list(self.learner.parameters()), weight)
        return {name: term.item() for name, term in terms.items()} | {"scale": scale.item()}
