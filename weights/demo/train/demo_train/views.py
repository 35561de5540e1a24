"""Views: crops of photographs with the words of what they show, and with smaller crops inside them.

What a set knows of pixels serves one purpose: to say which words a crop gets. A crop that one class covers has that word alone; any
other has the words of the classes that cover enough of it. No term of the loss sees more than words of crops.
"""
import math
from dataclasses import dataclass

import cv2
import numpy as np

from .photos import Photo
from .sources import UNKNOWN


@dataclass
class Batch:
    """B views, K crops each, of which the first is the view itself; N × N patches; C concepts."""
    pixels: np.ndarray    # (B, S, S, 3) u8
    inside: np.ndarray    # (B, K, N·N) bool: the crop's patches
    words: np.ndarray     # (B, K, C) f32: 1 for the crop's words, 0.5 for those of the whole photo that may lie outside
    silent: np.ndarray    # (B, K, C) bool: not known to be absent
    dominant: np.ndarray  # (B, K) bool: one class covers the crop
    valid: np.ndarray     # (B, K) bool: anything is known of the crop


class Views:
    """Batches by number: the same number and seed give the same batch, whoever asks for it."""

    def __init__(self, photos: list[Photo], names: list[str], config: dict, seed: int):
        self.photos, self.concepts, self.seed = photos, len(names), seed
        self.cell, self.model, self.options = config["photos"]["cell"], config["model"], config["views"]
        self.patches = self.model["image_size"] // self.model["patch"]
        self.holding = [[] for _ in names]
        for number, photo in enumerate(photos):
            for concept in self.concepts_of(photo):
                self.holding[concept].append(number)
        counts = np.array([len(numbers) for numbers in self.holding], float)
        odds = np.sqrt(np.minimum(counts, 300))
        emphasised = [names.index(word) for word in self.options["emphasised"] if word in names]
        odds[emphasised] = np.maximum(odds[emphasised], 6) * self.options["emphasised_factor"]
        odds[counts == 0] = 0
        self.odds = odds / odds.sum()

    def concepts_of(self, photo: Photo) -> set[int]:
        found = set(photo.words)
        if photo.grid is not None:
            counts = np.bincount(photo.grid.ravel(), minlength=256)[:self.concepts]
            found |= set(np.nonzero(counts > max(8, 0.004 * photo.grid.size))[0].tolist())
        return found

    def __call__(self, number: int) -> Batch:
        random = np.random.default_rng([self.seed, number])
        views = [self.view(random) for _ in range(self.options["batch"])]
        return Batch(*(np.stack(part) for part in zip(*views)))

    def view(self, random):
        concept = int(random.choice(self.concepts, p=self.odds))
        photo = self.photos[self.holding[concept][random.integers(len(self.holding[concept]))]]
        x, y, width, height = self.frame(photo, concept, random)
        size, side = self.model["image_size"], self.patches
        inward = cv2.INTER_AREA if height > size else cv2.INTER_LINEAR
        pixels = cv2.resize(photo.pixels[y:y + height, x:x + width], (size, size), interpolation=inward)
        crops = [(0, 0, side, side)] + [self.box(photo, concept, (x, y, width, height), random) for _ in range(self.options["boxes"])]
        mirrored = random.random() < 0.5
        if mirrored:
            pixels = pixels[:, ::-1]
        inside = np.zeros((len(crops), side, side), bool)
        facts = []
        for i, (left, top, right, bottom) in enumerate(crops):
            inside[i, top:bottom, side - right if mirrored else left:side - left if mirrored else right] = True
            facts.append(self.words(photo, x + width * left / side, y + height * top / side, width * (right - left) / side,
                                    height * (bottom - top) / side, whole=i == 0))
        words, silent, dominant, valid = zip(*facts)
        return pixels, inside.reshape(len(crops), -1), np.stack(words), np.stack(silent), np.array(dominant), np.array(valid)

    def shares(self, grid, x, y, width, height):
        left, top = int(x / self.cell), int(y / self.cell)
        part = grid[top:max(top + 1, round((y + height) / self.cell)), left:max(left + 1, round((x + width) / self.cell))]
        return np.bincount(part.ravel(), minlength=256)[:self.concepts] / max(1, part.size)

    def frame(self, photo, concept, random):
        """x, y, width, height of a view; around the concept where its place is known."""
        high, wide = photo.pixels.shape[:2]
        short, at = min(high, wide), np.empty(0, int)
        if photo.grid is not None:
            at = np.flatnonzero(photo.grid == concept)
        if not len(at):
            side, stretch = short * math.sqrt(random.uniform(0.3, 1)), math.exp(random.uniform(-0.28, 0.28))
            width, height = int(min(wide, side * stretch)), int(min(high, side / stretch))
            return int(random.integers(wide - width + 1)), int(random.integers(high - height + 1)), width, height
        seek, largest, best = random.random() < self.options["seek_dominant"], 1.0, None
        for _ in range(8 if seek else 1):
            side = short * math.exp(random.uniform(math.log(self.options["smallest"]), math.log(largest)))
            stretch, play = math.exp(random.uniform(-0.25, 0.25)), 0.35 if seek else 0.8
            width, height = min(wide, side * stretch), min(high, side / stretch)
            row, column = divmod(int(at[random.integers(len(at))]), photo.grid.shape[1])
            x = int(np.clip((column + 0.5) * self.cell - width / 2 + random.uniform(-play, play) * width / 2, 0, wide - width))
            y = int(np.clip((row + 0.5) * self.cell - height / 2 + random.uniform(-play, play) * height / 2, 0, high - height))
            share = self.shares(photo.grid, x, y, width, height)[concept] if seek else 1.0
            if best is None or share > best[0]:
                best = share, (x, y, int(width), int(height))
            if share >= self.options["dominant"]:
                break
            largest = max(self.options["smallest"] * 1.2, largest * 0.75)
        return best[1]

    def box(self, photo, concept, frame, random):
        """A crop inside a view, in patches: anywhere, or, every other time, around the view's concept."""
        least, most = self.options["box_sides"]
        wide, high = (int(n) for n in random.integers(least, most + 1, 2))
        left, top = (int(random.integers(self.patches - n + 1)) for n in (wide, high))
        if photo.grid is not None and random.random() < 0.5:
            x, y, width, height = frame
            rows = slice(int(y / self.cell), max(int(y / self.cell) + 1, int((y + height) / self.cell)))
            columns = slice(int(x / self.cell), max(int(x / self.cell) + 1, int((x + width) / self.cell)))
            part = photo.grid[rows, columns]
            at = np.flatnonzero(part == concept)
            if len(at):
                row, column = divmod(int(at[random.integers(len(at))]), part.shape[1])
                left = int(np.clip(column * self.patches // part.shape[1] - wide // 2, 0, self.patches - wide))
                top = int(np.clip(row * self.patches // part.shape[0] - high // 2, 0, self.patches - high))
        return left, top, left + wide, top + high

    def words(self, photo, x, y, width, height, whole):
        """Words of a crop, words not known to be absent, whether it has one word, whether anything is known."""
        words, silent = np.zeros(self.concepts, np.float32), ~photo.absent_known
        if photo.grid is None:
            words[photo.words] = 1
            silent = silent if whole else np.ones(self.concepts, bool)
            silent[words > 0] = False
            return words, silent, False, whole and len(photo.words) > 0
        shares = self.shares(photo.grid, x, y, width, height)
        silent = silent | (shares > self.options["trace"])
        dominant = bool(shares.max() >= self.options["dominant"])
        if dominant:
            words[shares.argmax()] = 1
        else:
            words[shares >= self.options["present"]] = 1
        if shares.sum() < 0.95:  # what nobody looked at may hold any of the photo's other words
            silent[photo.words] = True
            if whole and width * height > 0.45 * photo.pixels.shape[0] * photo.pixels.shape[1]:
                words[photo.words] = np.maximum(words[photo.words], 0.5)
        silent[words > 0] = False
        return words, silent, dominant, bool(words.any())
