"""sclip tune against trying everything in NumPy, on the planes that `sclip segment --outputs logits` writes."""
import json

import numpy
import pytest
from cli_support import BARE, CHINA, ROOT, fail, files_in, pytestmark, run, succeed  # noqa: F401
from PIL import Image

FLOWER = ROOT / "tests/data/photos/flower.jpg"
WORDS = "background = wall, fence; sky; building, house; tree, bushes; water"
QUERY_CLASS = numpy.array([0, 0, 1, 2, 2, 3, 3, 4])
CLASSES = 5
SMALL = ("--short-side", 112, *BARE)
SCALES, THRESHOLDS = (20, 40, 80), (0, 0.2, 0.3, 0.5)
SEARCH = ("--scales", ",".join(map(str, SCALES)), "--thresholds", ",".join(map(str, THRESHOLDS)))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    china, flower = Image.open(CHINA), Image.open(FLOWER)
    china.resize((160, 107)).save(folder / "a.png")
    flower.resize((107, 80)).save(folder / "b.png")
    china.crop((0, 0, 300, 400)).resize((90, 120)).save(folder / "c.png")
    return folder


def planes_of(photo, folder, words=WORDS):
    succeed("segment", photo, "-c", words, *SMALL, "--outputs", "logits", "-o", folder / "planes", "--overwrite", "-q")
    return numpy.load(folder / "planes/logits.npy").astype(numpy.float64)


@pytest.fixture(scope="module")
def planes(photos, tmp_path_factory):
    return {name: planes_of(photos / name, tmp_path_factory.mktemp(name)) for name in files_in(photos)}


def labels_and_scores(logits, scale, query_class=QUERY_CLASS, classes=CLASSES):
    """Softmax over queries, maximum over a class's, argmax: every step on whole arrays."""
    e = numpy.exp(scale * (logits - logits.max(axis=0)))
    p = e / e.sum(axis=0)
    s = numpy.stack([p[query_class == q].max(axis=0) for q in range(classes)])
    return s.argmax(axis=0), s.max(axis=0)


def miou(pairs, classes=CLASSES) -> float:
    """Of (labels, truth), 255 in the truth does not count; a label beyond the classes is none."""
    hits, found, true = numpy.zeros(classes), numpy.zeros(classes), numpy.zeros(classes)
    for labels, truth in pairs:
        counted = truth != 255
        for q in range(classes):
            hits[q] += ((labels == q) & (truth == q)).sum()
            found[q] += ((labels == q) & counted).sum()
            true[q] += (truth == q).sum()
    union = found + true - hits
    return 100 * (hits[union > 0] / union[union > 0]).mean()


def write_masks(folder, truths):
    folder.mkdir()
    for name, truth in truths.items():
        Image.fromarray(truth.astype(numpy.uint8)).save(folder / name)
    return folder


def tuned(photos, out, *arguments, code=0):
    done = run("tune", photos, "-c", WORDS, *SMALL, "--pixels", 0, "-o", out, "--json", "--synonyms", "none", *SEARCH, *arguments)
    assert done.code == code, done.err
    assert json.loads(done.out) == json.loads((out / "tune.json").read_text())
    return json.loads(done.out)


def noisy(labels, seed):
    random = numpy.random.default_rng(seed)
    truth = numpy.where(random.random(labels.shape) < 0.3, random.integers(0, CLASSES, labels.shape), labels)
    truth[random.random(labels.shape) < 0.05] = 255
    return truth


def test_the_curve_is_that_of_trying_every_pair(photos, planes, tmp_path):
    truths = {name: noisy(labels_and_scores(logits, 40)[0], seed) for seed, (name, logits) in enumerate(planes.items())}
    found = tuned(photos, tmp_path / "out", "--masks", write_masks(tmp_path / "masks", truths))
    assert found["scales"] == pytest.approx(SCALES) and found["thresholds"] == pytest.approx(THRESHOLDS)
    curve = numpy.empty((len(SCALES), len(THRESHOLDS)))
    for i, scale in enumerate(SCALES):
        for j, threshold in enumerate(THRESHOLDS):
            pairs = []
            for name, logits in planes.items():
                labels, scores = labels_and_scores(logits, scale)
                pairs.append((numpy.where(scores < numpy.float32(threshold), 0, labels), truths[name]))
            curve[i, j] = miou(pairs)
    assert numpy.abs(numpy.array(found["curve"]) - curve).max() < 1e-6
    # The present 40 and 0 are in the grid; what gains less than 0.05 points is not suggested.
    best = curve.max() if curve.max() >= curve[1, 0] + 0.05 else curve[1, 0]
    assert found["suggested"]["objective"] == pytest.approx(best, abs=1e-6)
    assert found["judged_now"] == pytest.approx(curve[1, 0], abs=1e-6)
    assert found["judged_then"] == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("ignore", [False, True])
def test_a_known_optimum_is_found(ignore, photos, planes, tmp_path):
    """Masks that one scale and threshold give exactly."""
    truths, low = {}, []
    for name, logits in planes.items():
        labels, scores = labels_and_scores(logits, 20)
        below = scores < numpy.float32(0.5)
        low.append((below & (labels != 0)).mean())
        # Without a background, what is below is of another class than it looks: to label it costs.
        truths[name] = numpy.where(below, (labels + 1) % CLASSES if ignore else 0, labels)
    assert 0.05 < numpy.mean(low) < 0.95  # the threshold does something
    found = tuned(photos, tmp_path / "out", "--masks", write_masks(tmp_path / "masks", truths),
                  *(("--ignore-label", 255) if ignore else ()))
    assert (found["suggested"]["logit_scale"], found["suggested"]["prob_thd"]) == (20, 0.5)
    assert found["flags"] == ["--logit-scale", "20", "--prob-thd", "0.5"]
    if not ignore:
        assert found["judged_then"] == 100 and found["held_out_miou"] == 100


def test_what_changes_is_told_per_class(photos, planes, tmp_path):
    truths = {name: numpy.where((s := labels_and_scores(p, 80))[1] < numpy.float32(0.5), 0, s[0]) for name, p in planes.items()}
    found = tuned(photos, tmp_path / "out", "--masks", write_masks(tmp_path / "masks", truths))
    now = numpy.concatenate([labels_and_scores(p, 40)[0].ravel() for p in planes.values()])
    then = numpy.concatenate([t.ravel() for t in truths.values()])
    assert found["changed"] == pytest.approx((now != then).mean(), abs=1e-9)
    for q, row in enumerate(found["classes"]):
        assert row["share_now"] == pytest.approx((now == q).mean(), abs=1e-9)
        assert row["share_then"] == pytest.approx((then == q).mean(), abs=1e-9)
        if (now == q).any():
            assert row["changes"] == pytest.approx((then[now == q] != q).mean(), abs=1e-9)
        union = ((now == q) | (then == q)).sum()
        assert row["iou_now"] == (pytest.approx(100 * ((now == q) & (then == q)).sum() / union) if union else None)


def test_the_suggested_flags_give_the_suggested_labels(photos, planes, tmp_path):
    """`segment` with them writes the masks that tuning promises."""
    truths = {name: numpy.where((s := labels_and_scores(p, 80))[1] < numpy.float32(0.3), 0, s[0]) for name, p in planes.items()}
    found = tuned(photos, tmp_path / "out", "--masks", write_masks(tmp_path / "masks", truths))
    succeed("segment", photos, "-c", WORDS, *SMALL, *found["flags"], "--outputs", "mask", "-o", tmp_path / "segmented", "-q")
    for name, truth in truths.items():
        mask = numpy.array(Image.open(tmp_path / "segmented" / name.replace(".png", ".mask.png")))
        assert (mask == truth).mean() > 0.9999


def test_without_masks_the_mirror_judges(photos, planes, tmp_path):
    found = tuned(photos, tmp_path / "out")
    mirrored = tmp_path / "mirrored"
    mirrored.mkdir()
    losses = numpy.zeros(len(SCALES))
    kept = numpy.zeros((2, len(SCALES), len(THRESHOLDS)))
    count, pixels = numpy.zeros(2), 0
    for name, logits in planes.items():
        Image.open(photos / name).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored / name)
        other = planes_of(mirrored / name, tmp_path / name)[:, :, ::-1]
        theirs = labels_and_scores(other, 1)[0]
        pixels += theirs.size
        for i, scale in enumerate(SCALES):
            e = numpy.exp(scale * (logits - logits.max(axis=0)))
            own = numpy.where(QUERY_CLASS[:, None, None] == theirs, e, 0).sum(axis=0)
            losses[i] -= numpy.log(own / e.sum(axis=0)).sum()
            labels, scores = labels_and_scores(logits, scale)
            for survives in (0, 1):
                here = ((labels == theirs) == survives) & (labels != 0)
                count[survives] += here.sum() if i == 0 else 0
                for j, threshold in enumerate(THRESHOLDS):
                    kept[survives, i, j] += (here & (scores >= numpy.float32(threshold))).sum()
    assert found["calibration"] == pytest.approx(losses / pixels, abs=1e-6)
    assert numpy.array(found["curve"]) == pytest.approx(100 * (kept[1] / count[1] - kept[0] / count[0]), abs=1e-6)
    i = losses.argmin()
    assert found["suggested"]["logit_scale"] == SCALES[i]
    assert found["suggested"]["prob_thd"] == pytest.approx(THRESHOLDS[numpy.array(found["curve"])[i].argmax()])
    assert any("mirrored photo is the judge" in note for note in found["notes"])


def test_words_are_left_out_one_by_one(photos, planes, tmp_path):
    """The gain of each word is the mIoU with it less the mIoU without it."""
    truths = {name: noisy(labels_and_scores(logits, 40)[0], seed) for seed, (name, logits) in enumerate(planes.items())}
    masks = write_masks(tmp_path / "masks", truths)
    done = succeed("tune", photos, "-c", WORDS, *SMALL, "--pixels", 0, "-o", tmp_path / "out", "--json", "--synonyms", "given",
                   "--scales", 40, "--thresholds", 0, "--masks", masks)
    found = json.loads(done.out)

    def judged(words):
        return miou([(labels_and_scores(p[words], 40, QUERY_CLASS[words])[0], truths[n]) for n, p in planes.items()])

    everything = numpy.arange(len(QUERY_CLASS))
    may_go = [k for k in everything if (QUERY_CLASS == QUERY_CLASS[k]).sum() > 1]
    assert [row["word"] for row in found["words"]] == ["wall", "fence", "building", "house", "tree", "bushes"]
    for k, row in zip(may_go, found["words"]):
        assert row["gain"] == pytest.approx(judged(everything) - judged(numpy.delete(everything, k)), abs=1e-6)
        assert row["given"]
    left = numpy.array([k for k in everything if k not in may_go or found["words"][may_go.index(k)]["suggested"]])
    assert found["judged_then"] == pytest.approx(judged(left), abs=1e-6)
    assert found["judged_then"] >= found["judged_now"]


def test_built_in_synonyms_are_tried(photos, tmp_path):
    words = ("-c", "background; person; sky", *SMALL, "--pixels", 2000, "-o", tmp_path / "out", "--json", "--photos", 2)
    found = json.loads(succeed("tune", photos, *words).out)
    assert len(found["photos"]) == 2 and found["pixels"] <= 2000
    # Without masks nobody judges the background's words; of a person's the demo model knows two.
    assert {(row["word"], row["given"]) for row in found["words"]} <= {("person", True), ("body", False)}
    assert ("body", False) in {(row["word"], row["given"]) for row in found["words"]}
    truths = {name: numpy.zeros(numpy.array(Image.open(photos / name)).shape[:2]) for name in files_in(photos)}
    found = json.loads(succeed("tune", photos, *words, "--masks", write_masks(tmp_path / "masks", truths)).out)
    tried = {row["word"] for row in found["words"] if not row["given"]}
    assert "wall" in tried and "sky" not in tried
    assert "person in jeans" not in tried


def test_the_same_twice_and_with_other_threads(photos, tmp_path):
    texts = []
    for threads in (1, 2, 2):
        succeed("tune", photos, "-c", WORDS, *SMALL, "-o", tmp_path / "out", "--threads", threads, "-q", "--precision", "f32")
        texts.append((tmp_path / "out/tune.json").read_text() + str((tmp_path / "out/tune.png").read_bytes()))
    assert texts[0] == texts[1] == texts[2]


def test_what_people_see(photos, tmp_path):
    done = succeed("tune", photos, "-c", WORDS, *SMALL, "-o", tmp_path / "out")
    assert done.err == ""
    assert "logit scale" in done.out and "same when mirrored" in done.out and "wrote " in done.out
    picture = Image.open(tmp_path / "out/tune.png")
    assert picture.size == (1280, 440)
    done = succeed("tune", photos, "-c", "sky; tree", *SMALL, "-o", tmp_path / "out")
    assert "no threshold is sought" in done.out and "Nothing better was found" in done.out or "--logit-scale" in done.out
    assert Image.open(tmp_path / "out/tune.png").size == (640, 440)  # without a threshold there is one curve


def test_a_bad_mask_is_told_and_the_others_are_used(photos, planes, tmp_path):
    truths = {name: labels_and_scores(p, 40)[0] for name, p in planes.items()}
    masks = write_masks(tmp_path / "masks", truths)
    Image.fromarray(numpy.full((5, 5), 1, numpy.uint8)).save(masks / "b.png")
    done = run("tune", photos, "-c", WORDS, *SMALL, "-o", tmp_path / "out", "--masks", masks)
    assert done.code == 2 and "b.png has 5×5 pixels" in done.err and "2 photos with masks" in done.out
    truths["c.png"][0, 0] = 9
    Image.fromarray(truths["c.png"].astype(numpy.uint8)).save(masks / "c.png")
    (masks / "b.png").unlink()
    done = run("tune", photos, "-c", WORDS, *SMALL, "-o", tmp_path / "out", "--masks", masks, "--pixels", 0)
    assert done.code == 2 and "has the label 9 at (0, 0), and there are 5 classes" in done.err
    assert "1 photo without a mask" in done.err


def test_refusals(photos, tmp_path):
    assert "no folder" in fail("tune", photos, "-c", WORDS, "--masks", tmp_path / "none", "-o", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    assert "has a mask" in fail("tune", photos, "-c", WORDS, "--masks", tmp_path / "empty", "-o", tmp_path / "out")
    assert "did you mean 'given'" in fail("tune", photos, "-c", WORDS, "--synonyms", "giben", "-o", tmp_path / "out")
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out/tune.json").write_text("mine")
    assert "tune.json" in fail("tune", photos, "-c", WORDS, *SMALL, "-o", tmp_path / "out")
    assert (tmp_path / "out/tune.json").read_text() == "mine"
