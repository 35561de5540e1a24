"""The page for people at `/`, in a real browser: what it shows is what `sclip segment` and NumPy say of the same photo and words."""
import io
import json

import numpy as np
import pytest
from cli_support import pytestmark  # noqa: F401
from page_support import PATIENCE, WORDS, as_array, browsing, class_scores, labels_and_palette, over, visiting
from serve_support import command_outputs, found, picture, serving

WIDTH, HEIGHT = 120, 88
NAMES = ["sky", "building", "tree"]
TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module")
def browser():
    with browsing() as running:
        yield running


@pytest.fixture(scope="module")
def service(sclip):
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def photo():
    return picture(WIDTH, HEIGHT, seed=7)


@pytest.fixture(scope="module")
def truth(sclip, photo, tmp_path_factory):
    """policy → what the command writes of the photo."""
    kept = {}

    def of(policy="sclip", words=WORDS):
        if (policy, words) not in kept:
            kept[policy, words] = command_outputs(tmp_path_factory.mktemp("command"), photo, words, "mask,overlay,rle,logits", "--policy", policy,
                                                  "--overlay-size", "photo")
        return kept[policy, words]
    return of


@pytest.fixture
def visit(browser, service):
    with visiting(browser, service) as page:
        yield page


@pytest.fixture
def segmented(visit, photo):
    """The page with an answer."""
    visit.choose(photo)
    visit.answered()
    return visit


def expect(locator):
    from playwright.sync_api import expect as playwright_expect
    return playwright_expect(locator)


def reads(service, visit, act) -> float:
    """How often an act and its answer make the service decode a photo, without which the image tower has nothing to run on."""
    name = 'sclip_stage_seconds_count{stage="decode"}'
    before = service.metrics().get(name, 0)
    act()
    visit.answered()
    return service.metrics()[name] - before


# ---- The picture ---------------------------------------------------------------------------------------------------------------

def test_the_canvas_is_the_mask_over_the_photo(segmented, photo, truth):
    labels, palette = labels_and_palette(truth()["mask"])
    image = as_array(photo)
    assert len(np.unique(labels)) == 3
    picture_now = segmented.pixels()
    np.testing.assert_array_equal(picture_now, over(image, labels, palette, [128] * 3))
    np.testing.assert_array_equal(picture_now, as_array(truth()["overlay"]))  # … as the command draws it

    segmented.by("#class-1").uncheck()
    np.testing.assert_array_equal(segmented.pixels(), over(image, labels, palette, [128, 0, 128]))
    segmented.by("#opacity").fill("200")
    np.testing.assert_array_equal(segmented.pixels(), over(image, labels, palette, [200, 0, 200]))
    segmented.by("#legend li[data-id='2'] input[type=color]").fill("#102030")
    palette = palette.copy()
    palette[2] = (0x10, 0x20, 0x30)
    np.testing.assert_array_equal(segmented.pixels(), over(image, labels, palette, [200, 0, 200]))
    segmented.by("#opacity").fill("0")
    np.testing.assert_array_equal(segmented.pixels(), image)


def test_the_legend_has_each_class_with_its_colour_and_share(segmented, truth):
    labels, palette = labels_and_palette(truth()["mask"])
    rows = segmented.by("#legend li").evaluate_all(
        "(rows) => rows.map((r) => [r.querySelector('label').firstChild.data, r.querySelector('input[type=color]').value, r.querySelector('.share').textContent])")
    assert rows == [[name, "#{:02x}{:02x}{:02x}".format(*palette[i]), f"{100 * (labels == i).mean():.1f} %"] for i, name in enumerate(NAMES)]
    chips = segmented.by("#chips li").evaluate_all("(chips) => chips.map((c) => c.style.getPropertyValue('--of-class'))")
    assert chips == [colour for _, colour, _ in rows]


def test_a_single_word_has_its_background(browser, service, photo, truth):
    with visiting(browser, service, words="sky") as visit:
        visit.choose(photo)
        visit.answered()
        labels, palette = labels_and_palette(truth(words="sky")["mask"])
        assert tuple(palette[0]) == (0, 0, 0)
        np.testing.assert_array_equal(visit.pixels(), over(as_array(photo), labels, palette, [64, 128]))
        expect(visit.by("#warnings")).to_contain_text("is the only class")


def test_a_photo_is_dropped_or_pasted(visit, photo, truth):
    carry = """(target, [bytes, kind]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], 'carried.png', {type: 'image/png'}));
        const event = kind === 'paste' ? new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})
                                       : new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
        target.dispatchEvent(event);
    }"""
    visit.by("body").evaluate(carry, [list(photo), "dragenter"])
    expect(visit.by("body")).to_have_class("dropping")
    for kind in ("drop", "paste"):
        visit.by("body").evaluate(carry, [list(photo), kind])
        expect(visit.by("body")).not_to_have_class("dropping")
        visit.answered()
        np.testing.assert_array_equal(visit.pixels(), as_array(truth()["overlay"]))
    expect(visit.by("#photo-name")).to_contain_text("carried.png")


# ---- Words ---------------------------------------------------------------------------------------------------------------------

def test_words_become_chips(visit):
    assert visit.words() == ["sky", "building, house", "tree"]
    word = visit.by("#word")
    word.fill("cat, kitten")
    word.press("Enter")
    word.press_sequentially("dog;")
    word.fill("sky")  # is there
    word.press("Enter")
    assert visit.words() == ["sky", "building, house", "tree", "cat, kitten", "dog"]
    visit.by("#chips li").nth(1).get_by_role("button", name="Remove").click()
    assert visit.words() == ["sky", "tree", "cat, kitten", "dog"]
    word.focus()
    word.press("Backspace")  # to the last chip
    visit.keyboard.press("ArrowLeft")
    visit.keyboard.press("Delete")
    assert visit.words() == ["sky", "tree", "dog"]
    visit.keyboard.press("Backspace")
    assert visit.words() == ["sky", "tree"]
    visit.keyboard.press("Enter")  # edits
    assert visit.words() == ["sky"]
    word.press("End")
    word.press_sequentially("s")
    word.press("Enter")
    assert visit.words() == ["sky", "trees"]


@pytest.mark.parametrize("text, words", [
    ("a; b, c\nd\r\n e ;;", ["a", "b, c", "d", "e"]), ('"x; y", z; w', ['"x; y", z', "w"]), ("5\" pipe; cup", ['5" pipe', "cup"])])
def test_pasted_words_are_split(browser, service, text, words):
    with visiting(browser, service, permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.by("#clear").click()
        visit.evaluate("(text) => navigator.clipboard.writeText(text)", text)
        visit.by("#word").press("Control+V")
        assert visit.words() == words


def test_words_are_suggested(visit):
    word = visit.by("#word")
    expect(visit.by("#list-row")).to_be_visible()
    word.press_sequentially("giraf")
    expect(visit.by("#suggestions")).to_be_visible()
    assert visit.by("#suggestions li").all_text_contents() == ["giraffe"]
    word.press("ArrowDown")
    assert word.get_attribute("aria-activedescendant") == visit.by("#suggestions li[aria-selected=true]").get_attribute("id")
    word.press("Enter")
    word.press_sequentially("kitty, umbrel")
    visit.by("#suggestions li").first.click()
    assert visit.words()[3:] == ["giraffe", "kitty, umbrella"]
    word.press_sequentially("zeb")
    word.press("Escape")
    expect(visit.by("#suggestions")).to_be_hidden()
    word.fill("backgr")
    assert visit.by("#suggestions li").count() == 0  # it is what other words leave
    visit.by("#clear").click()
    visit.by("#list").select_option("voc20")
    visit.by("#add-list").click()
    assert len(visit.words()) == 20 and "aeroplane" in visit.words()


def test_a_link_brings_words_and_policies(browser, service, photo, truth):
    with visiting(browser, service, words="tree;sky", policy="clip") as visit:
        assert visit.words() == ["tree", "sky"]
        expect(visit.by("#policy-a")).to_have_value("clip")
        visit.by("#word").fill("a&b")
        visit.by("#word").press("Enter")
        visit.by("#policy-b").select_option("maskclip")
        with visiting(browser, service, fragment=visit.evaluate("() => location.hash.slice(1)")) as other:
            assert other.words() == ["tree", "sky", "a&b"]
            expect(other.by("#policy-b")).to_have_value("maskclip")


# ---- Scores --------------------------------------------------------------------------------------------------------------------

def test_scores_where_somebody_points(segmented, truth, tmp_path):
    (tmp_path / "logits.npy").write_bytes(truth()["logits"])
    scores = class_scores(np.load(tmp_path / "logits.npy"), [1, 2, 1])
    labels, _ = labels_and_palette(truth()["mask"])
    for x, y in [(3, 3), (WIDTH - 4, HEIGHT - 4), (37, 50), (90, 12)]:  # the corners are round
        segmented.hover(x, y, WIDTH, HEIGHT)
        expect(segmented.by("#readout .where")).to_have_text(f"{x}, {y}")
        _, shown = segmented.readout()
        assert list(shown)[0] == NAMES[labels[y, x]]
        assert list(shown.values()) == sorted(shown.values(), reverse=True)
        for i, name in enumerate(NAMES):
            assert abs(shown[name] - scores[i, y, x]) < 0.06, (x, y, name)  # a decimal is shown
    segmented.mouse.move(2, 2)
    expect(segmented.by("#readout")).to_be_hidden()


def test_scores_of_a_large_photo_are_those_of_a_pixel_nearby(browser, service, tmp_path):
    width, height, words = 800, 720, "a; b; c; d"
    large = picture(width, height, seed=3)
    step = next(n for n in range(1, 99) if 16 * -(-width // n) * -(-height // n) <= 8e6)
    assert step == 2
    files = command_outputs(tmp_path, large, words, "logits,mask")
    (tmp_path / "logits.npy").write_bytes(files["logits"])
    scores = class_scores(np.load(tmp_path / "logits.npy"), [1] * 4)
    labels, _ = labels_and_palette(files["mask"])
    with visiting(browser, service, words=words) as visit:
        visit.choose(large)
        visit.answered()
        visit.hover(401, 301, width, height)
        where, shown = visit.readout()
        x, y = map(int, where.split(", "))
        assert max(abs(x - 401), abs(y - 301)) <= 1 and x % 2 == y % 2 == 0
        assert list(shown)[0] == "abcd"[labels[y, x]]
        for i, name in enumerate("abcd"):
            assert abs(shown[name] - scores[i, y, x]) < 0.06


# ---- What is asked -------------------------------------------------------------------------------------------------------------

def test_new_words_do_not_read_the_photo_again(service, visit, photo, truth):
    assert reads(service, visit, lambda: visit.choose(photo)) == 1

    def more():
        visit.by("#word").fill("water")
        visit.by("#word").press("Enter")
        expect(visit.by("#status")).to_contain_text("of 4", timeout=PATIENCE)
    assert reads(service, visit, more) == 0
    np.testing.assert_array_equal(visit.pixels(), as_array(truth(words=WORDS + "; water")["overlay"]))
    assert [url for method, url in visit.asked if method == "POST"] == [
        f"{service.url}/v1/{name}" for name in ("features", "segment", "segment")]
    # The service has forgotten the photo: it is sent once more.
    assert service.ask("POST", "/v1/trim").status == 200

    def fewer():
        visit.by("#chips li").nth(3).get_by_role("button", name="Remove").click()
        expect(visit.by("#status")).to_contain_text("of 3", timeout=PATIENCE)
    assert reads(service, visit, fewer) == 1
    np.testing.assert_array_equal(visit.pixels(), as_array(truth()["overlay"]))


def test_a_policy_that_looks_at_the_words_is_sent_the_photo(browser, service, photo, truth):
    with visiting(browser, service, policy="surgery") as visit:
        visit.choose(photo)
        visit.answered()
        np.testing.assert_array_equal(visit.pixels(), as_array(truth("surgery")["overlay"]))


def test_a_newer_question_aborts_the_older(segmented):
    held, failed = [], []
    segmented.page.on("requestfailed", lambda request: failed.append(request.url))
    segmented.route("**/v1/segment", lambda route: held.append(route) if not held else route.continue_())
    for word in ("water", "person"):
        segmented.by("#word").fill(word)
        segmented.by("#word").press("Enter")
    expect(segmented.by("#status")).to_contain_text("of 5", timeout=PATIENCE)
    assert len(held) == 1 and failed == [f"{segmented.url}/v1/segment"]
    segmented.page.unroute("**/v1/segment")


# ---- Two read-outs -------------------------------------------------------------------------------------------------------------

def test_two_read_outs_are_compared(segmented, truth, tmp_path):
    segmented.by("#policy-b").select_option("maskclip")
    expect(segmented.by("#canvas-b")).to_be_visible(timeout=PATIENCE)
    segmented.answered()
    for canvas, policy in (("#canvas-a", "sclip"), ("#canvas-b", "maskclip")):
        np.testing.assert_array_equal(segmented.pixels(canvas), as_array(truth(policy)["overlay"]))
    shares = [[text.strip() for text in row.locator(".share").all_text_contents()] for row in segmented.by("#legend li").all()]
    counted = [labels_and_palette(truth(policy)["mask"])[0] for policy in ("sclip", "maskclip")]
    assert shares == [["sclip", "maskclip"]] + [[f"{100 * (labels == i).mean():.1f} %" for labels in counted] for i in range(3)]
    assert (segmented.by("#name-a").text_content(), segmented.by("#name-b").text_content()) == ("sclip", "maskclip")
    clip = "(c) => getComputedStyle(c).clipPath"
    segmented.by("#split").fill("30")
    assert segmented.by("#canvas-b").evaluate(clip) == "inset(0px 0px 0px 30%)"
    box, grip = segmented.by("#canvas-a").bounding_box(), segmented.by("#divider").bounding_box()
    segmented.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + 20)
    segmented.mouse.down()
    segmented.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 40)
    segmented.mouse.up()
    assert abs(float(segmented.by("#split").input_value()) - 75) < 1
    for x, policy in ((20, "sclip"), (115, "maskclip")):
        (tmp_path / "logits.npy").write_bytes(truth(policy)["logits"])
        scores = class_scores(np.load(tmp_path / "logits.npy"), [1, 2, 1])[:, 40, x]
        segmented.hover(x, 40, WIDTH, HEIGHT)
        expect(segmented.by("#readout .where")).to_have_text(f"{policy} · {x}, 40")
        _, shown = segmented.readout()
        assert all(abs(shown[name] - scores[i]) < 0.06 for i, name in enumerate(NAMES))
    segmented.by("#policy-b").select_option("")
    expect(segmented.by("#canvas-b")).to_be_hidden()


# ---- Downloads -----------------------------------------------------------------------------------------------------------------

def test_downloads_are_what_the_command_writes(segmented, truth):
    files = truth()
    assert segmented.saved("#save-mask") == ("photo.mask.png", files["mask"])
    name, overlay = segmented.saved("#save-overlay")
    assert name == "photo.overlay.png"
    np.testing.assert_array_equal(as_array(overlay), as_array(files["overlay"]))
    name, result = segmented.saved("#save-json")
    assert name == "photo.result.json"
    same, command = found(result), found(files["json"])
    for of in (same, command):
        of["options"].pop("overlay_size")
    assert same == command
    name, rle = segmented.saved("#save-rle")
    mine, command = json.loads(rle), json.loads(files["rle"])
    assert name == "photo.rle.json"
    assert mine["annotations"] == command["annotations"] and mine["categories"] == command["categories"]


# ---- For everybody -------------------------------------------------------------------------------------------------------------

def test_all_of_it_by_keyboard(visit, photo, truth):
    visit.page.on("filechooser", lambda chooser: None)  # from now on: a key is faster than the browser hears that somebody waits for it
    visit.tab_to("#choose")
    with visit.expect_file_chooser() as chooser:
        visit.keyboard.press("Enter")
    chooser.value.set_files({"name": "photo.png", "mimeType": "image/png", "buffer": photo})
    visit.answered()
    visit.tab_to("#picture")
    visit.keyboard.press("ArrowRight")  # the middle
    visit.keyboard.press("Shift+ArrowRight")
    visit.keyboard.press("Shift+ArrowUp")
    expect(visit.by("#readout .where")).to_have_text(f"{WIDTH // 2 + 1}, {HEIGHT // 2 - 1}")
    labels, _ = labels_and_palette(truth()["mask"])
    best = NAMES[labels[HEIGHT // 2 - 1, WIDTH // 2 + 1]]
    expect(visit.by("#spoken")).to_contain_text(f"{WIDTH // 2 + 1}, {HEIGHT // 2 - 1}: {best} ")
    visit.keyboard.press("Escape")
    expect(visit.by("#readout")).to_be_hidden()
    visit.tab_to("#word")
    visit.keyboard.type("water")
    visit.keyboard.press("Enter")
    expect(visit.by("#status")).to_contain_text("of 4", timeout=PATIENCE)
    visit.tab_to("#policy-b")
    visit.keyboard.press("ArrowDown")
    expect(visit.by("#canvas-b")).to_be_visible(timeout=PATIENCE)
    visit.tab_to("#class-0")
    visit.keyboard.press("Space")
    expect(visit.by("#class-0")).not_to_be_checked()
    visit.tab_to("#split", 100)
    visit.keyboard.press("ArrowRight")
    assert visit.by("#split").input_value() == "50.5"
    visit.tab_to("#save-json", 100)
    with visit.expect_download() as download:
        visit.keyboard.press("Enter")
    assert download.value.suggested_filename == "photo.sclip.result.json"


def test_a_phone_scrolls_down_only(browser, service, photo):
    with visiting(browser, service, width=360, height=740, has_touch=True, is_mobile=True) as visit:
        sideways = "() => document.documentElement.scrollWidth"
        assert visit.evaluate(sideways) == 360
        visit.choose(photo)
        visit.answered()
        visit.by("#policy-b").select_option("clip")
        expect(visit.by("#canvas-b")).to_be_visible(timeout=PATIENCE)
        visit.by("#canvas-a").scroll_into_view_if_needed()
        box = visit.by("#canvas-a").bounding_box()
        visit.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
        where, shown = visit.readout()
        assert where.startswith("sclip · ") and set(shown) == set(NAMES)
        card = visit.by("#readout").bounding_box()
        assert card["y"] >= box["y"] + box["height"]  # under the photo, which it would hide
        visit.by("#word").fill("an uncommonly long word of a photo that somebody typed without a thought of phones")
        visit.by("#word").press("Enter")
        expect(visit.by("#status")).to_contain_text("of 4", timeout=PATIENCE)
        assert visit.evaluate(sideways) == 360
        assert visit.by("button:visible, select:visible").evaluate_all("(all) => all.every((e) => e.getBoundingClientRect().height >= 24)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, service, photo, scheme):
    from axe_playwright_python.sync_playwright import Axe
    # The tester's own script is none of the page's: its rules would keep it out.
    with visiting(browser, service, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce") as visit:
        def check(state):
            found_there = Axe().run(visit.page).response["violations"]
            assert not found_there, (state, [(v["id"], [n["html"] for n in v["nodes"]]) for v in found_there])
        check("empty")
        visit.choose(photo)
        visit.answered()
        visit.by("#policy-b").select_option("clip")
        expect(visit.by("#canvas-b")).to_be_visible(timeout=PATIENCE)
        visit.by("#class-1").uncheck()
        visit.hover(20, 20, WIDTH, HEIGHT)
        visit.readout()
        visit.by("#word").press_sequentially("per")
        expect(visit.by("#suggestions")).to_be_visible()
        check("two read-outs")
        visit.by("#clear").click()
        visit.alert("No words")
        check("error")
        visit.by("#token-dialog").evaluate("(dialog) => dialog.showModal()")
        check("token")


def test_who_wants_no_motion_gets_none(browser, service):
    moves = "() => getComputedStyle(document.querySelector('#chips li')).animationName"
    for reduced, name in (("no-preference", "appear"), ("reduce", "none")):
        with visiting(browser, service, reduced_motion=reduced) as visit:
            assert visit.evaluate(moves) == name


# ---- What goes wrong -----------------------------------------------------------------------------------------------------------

def test_what_is_no_picture_is_said(visit, photo, truth):
    visit.choose(b"no picture at all", "notes.png")
    visit.alert("it is not a picture in a known format")
    expect(visit.by("#empty")).to_be_visible()
    assert visit.by("#alert button").count() == 0  # it would be none the next time
    visit.choose(photo)
    visit.answered()
    assert visit.by("#alert").text_content() == ""
    np.testing.assert_array_equal(visit.pixels(), as_array(truth()["overlay"]))


def test_no_words_and_wrong_words_are_said(segmented, photo):
    segmented.by("#clear").click()
    segmented.alert("No words")
    np.testing.assert_array_equal(segmented.pixels(), as_array(photo))
    expect(segmented.by("#found")).to_be_hidden()
    segmented.by("#word").fill("cat <|endoftext|>")
    segmented.by("#word").press("Enter")
    segmented.alert("endoftext")  # the service's sentence
    segmented.by("#chips .cross-out").click()
    segmented.by("#word").fill("cat; dog")
    segmented.by("#word").press("Enter")
    segmented.answered()


def test_what_a_browser_cannot_show_is_shown_on_grey(visit, photo):
    from PIL import Image
    image = Image.open(io.BytesIO(photo))
    out = io.BytesIO()
    image.save(out, "PPM")
    visit.choose(out.getvalue(), "photo.ppm")
    visit.answered()
    expect(visit.by("#warnings")).to_contain_text("cannot show a photo of this format")
    visit.by("#opacity").fill("0")
    assert (visit.pixels() == 128).all() and visit.pixels().shape == (HEIGHT, WIDTH, 3)


def test_a_token_is_asked_for_and_a_service_that_is_gone_is_said(browser, sclip, photo, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    with serving("--token-file", tmp_path / "token") as service, visiting(browser, service) as visit:
        dialog = visit.by("#token-dialog")
        expect(dialog).to_be_visible()
        expect(dialog).to_contain_text("this service wants a token")
        visit.by("#token").fill("wrong")
        with visit.expect_response(lambda answer: answer.status == 401):
            visit.by("#token").press("Enter")
        expect(dialog).to_be_visible()
        expect(visit.by("#token")).to_have_value("")
        visit.by("#token").fill(TOKEN)
        visit.by("#token-form button.main").click()
        expect(dialog).to_be_hidden()
        visit.choose(photo)
        visit.answered()
        assert visit.by("#alert").text_content() == ""
        visit.page.reload()  # it is kept as long as the tab
        visit.choose(photo)
        visit.answered()
        assert service.stop() == 0
        visit.by("#chips .cross-out").first.click()
        visit.alert("The service does not answer")
        visit.by("#alert button").click()
        visit.alert("The service does not answer")


def test_the_pages_rules_are_strict(service):
    policy = dict(rule.strip().split(" ", 1) for rule in service.ask("GET", "/").headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["form-action"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' blob:"
