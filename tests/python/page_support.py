"""What the tests of the page for people share: a browser, the page in it, and what the page's canvas must show, by NumPy."""
import contextlib
import io
import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium")
WORDS = "sky; building, house; tree"
PATIENCE = 60_000  # ms: two slow cores may have much to do


@contextlib.contextmanager
def browsing():
    """Debian's Chromium; what is missing of it skips."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: scripts/setup.sh --test")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """The page as somebody has it open, and all that it asked for and complained of."""
    page: object
    url: str
    asked: list = field(default_factory=list)
    complaints: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.page, name)

    def by(self, selector: str):
        return self.page.locator(selector)

    def choose(self, photo: bytes, name: str = "photo.png"):
        self.page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": photo})

    def answered(self):
        """Waits for the answer to what was asked last."""
        from playwright.sync_api import expect
        expect(self.by("body")).to_have_attribute("aria-busy", "false", timeout=PATIENCE)
        expect(self.by("#status")).to_contain_text("found in", timeout=PATIENCE)

    def alert(self, text: str):
        from playwright.sync_api import expect
        expect(self.by("#alert")).to_contain_text(text, timeout=PATIENCE)

    def words(self) -> list[str]:
        return self.by("#chips .text").all_text_contents()

    def pixels(self, canvas: str = "#canvas-a") -> np.ndarray:
        """(H, W, 3) of a canvas."""
        self.page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        width, height, values = self.by(canvas).evaluate(
            "(c) => [c.width, c.height, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]")
        rgba = np.array(values, np.uint8).reshape(height, width, 4)
        assert (rgba[..., 3] == 255).all()
        return rgba[..., :3]

    def hover(self, x: int, y: int, width: int, height: int):
        """Points at the middle of the photo's pixel."""
        box = self.by("#canvas-a").bounding_box()
        self.page.mouse.move(box["x"] + box["width"] * (x + 0.5) / width, box["y"] + box["height"] * (y + 0.5) / height)

    def readout(self) -> tuple[str, dict[str, float]]:
        """Where, and class → score in percent, the best first."""
        from playwright.sync_api import expect
        expect(self.by("#readout .score").first).to_be_visible(timeout=PATIENCE)
        rows = self.by("#readout .word").evaluate_all(
            "(rows) => rows.map((row) => [row.querySelector('.what').firstChild.data, row.querySelector('.score').textContent])")
        return self.by("#readout .where").text_content(), {name: float(score.removesuffix(" %")) for name, score in rows}

    def saved(self, button: str) -> tuple[str, bytes]:
        with self.page.expect_download(timeout=PATIENCE) as download:
            self.by(button).click()
        with open(download.value.path(), "rb") as file:
            return download.value.suggested_filename, file.read()

    def tab_to(self, selector: str, most: int = 60):
        """Goes there as who has no pointer does."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(s) => document.activeElement?.matches(s)", selector):
                return
        raise AssertionError(f"{selector} is not reached by {most} times Tab")


@contextlib.contextmanager
def visiting(browser, service, *, words=WORDS, policy="sclip", width=1280, height=800, fragment=None, **options):
    """The page, open; at the end it must have asked nobody else and broken none of its own rules."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    visit = Visit(context.new_page(), service.url)
    visit.page.on("request", lambda request: visit.asked.append((request.method, request.url)))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("console", lambda message: "Content Security Policy" in message.text and visit.complaints.append(message.text))
    visit.page.goto(f"{service.url}/#{f'words={words}&policy={policy}' if fragment is None else fragment}")
    yield visit
    context.close()
    elsewhere = [url for _, url in visit.asked if not url.startswith((f"{service.url}/", f"blob:{service.url}/"))]
    assert not elsewhere and not visit.complaints


def as_array(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def labels_and_palette(mask: bytes) -> tuple[np.ndarray, np.ndarray]:
    picture = Image.open(io.BytesIO(mask))
    return np.asarray(picture), np.array(picture.getpalette(), np.uint8).reshape(-1, 3)


def over(photo: np.ndarray, labels: np.ndarray, palette: np.ndarray, opacities, line: int = 1) -> np.ndarray:
    """The picture that kernels/overlay/overlay.h describes; a class of opacity 0 is hidden, and has no border to another such."""
    opacities = np.asarray(opacities)
    shown = np.where(opacities[labels] > 0, labels, 65535).astype(np.int64)

    def blend(under, colour, opacity):
        return np.floor((under * (255 - opacity) + colour * opacity) / 255 + 0.5)

    def differs(far):
        out = np.zeros(labels.shape, bool)
        for axis in (0, 1):
            a = np.moveaxis(shown, axis, 0)
            b = np.moveaxis(out, axis, 0)
            unlike = a[far:] != a[:-far]
            b[far:] |= unlike
            b[:-far] |= unlike
        return out

    picture = blend(photo.astype(np.float64), palette[labels].astype(np.float64), opacities[labels][..., None])
    core = differs(line)
    halo = differs(2 * line) & ~core
    picture[core] = blend(picture[core], 255, 215)
    picture[halo] = blend(picture[halo], 0, 90)
    return picture.astype(np.uint8)


def class_scores(logits: np.ndarray, queries_of: list[int], scale: float = 40) -> np.ndarray:
    """(K, …) cosines → (classes, …) scores in percent: softmax over all words, of each class its best."""
    e = np.exp(scale * (logits.astype(np.float64) - logits.max(0)))
    shares = 100 * e / e.sum(0)
    ends = np.cumsum(queries_of)
    return np.stack([shares[end - n:end].max(0) for n, end in zip(queries_of, ends)])
