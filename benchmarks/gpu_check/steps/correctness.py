"""Every kernel against its oracle in double precision, the engine against the CPU and PyTorch's goldens, photo to labels."""
import json
import re

from ..arrays import equal_share, largest_difference, read_mask, read_npy
from ..step import Failed, Row
from .encoder import on_hopper, refuse_where_there_is_no_fp8

# What of the tests ends soon under cudasim; ctest -L cuda runs all of them there.
SIMULATED_KERNELS = ",".join(f"[{kernel}]~[cpu]" for kernel in (
    "adapt_words", "add_rows", "choose_heads", "embed_tokens", "feature_surgery", "gather_rows", "gelu", "l2_normalize",
    "label_affinity", "layernorm", "matmul", "mean_norm", "outlier_patches", "overlay", "pamr", "patch_embed", "procrustes",
    "propagate_labels", "quantize_fp8", "resize_bicubic", "resize_normalize", "similarity_maps", "soften_sinks", "tree_attention"))
SIMULATED_ENGINE = ",".join((
    "the device's masks are those of the CPU in f32", "a recording gives the bits of the calls it records",
    "masks do not depend on how windows are batched", "the text bank is the CPU's", "pamr is PyTorch's to 1e-5"))

# Against the CPU in f32: largest difference of the logits, smallest share of equal labels. Of ViT-B/16 with random weights as
# tests/python/test_parity_cuda.py has them; the demo model's cosines are larger: tests/unit/engine_device_test.cpp.
LIMITS = {"f32": (5e-6, 0.9999), "f16": (3e-4, 0.995), "bf16": (2e-3, 0.99)}
DEMO_LIMITS = {"f32": (5e-6, 0.9999), "f16": (1.3e-3, 0.995), "bf16": (1.4e-2, 0.98)}
# Of `sclip verify` with the demo model. In fp8 0.017 and 99.4 % were found on the photo, 0.021 and 99.5 % on the small one (docs/verify.md);
# what a card sums otherwise flips other roundings. bf16 as above.
VERIFY_LIMITS = {"fp8": (0.05, 0.98), "bf16": DEMO_LIMITS["bf16"]}
CLASSES = "sky; building, house, temple; tree; person; water, lake"


def catch2(bench, program, specification):
    command = bench.program(program, specification)
    done = bench.run(command, check=False)
    yield read_catch2(done, f"{program} {specification}" if len(specification) < 40 else program,
                      bench.spell(command, SCLIP_TEST_DEVICE="cuda"))


def read_catch2(done, what, command=""):
    passed = re.search(r"All tests passed \((\d+) assertions? in (\d+) test cases?\)", done.out)
    if done.code == 0 and passed:
        return Row(what, int(passed[2]), "cases", f"{passed[1]} assertions hold", command, timed=False)
    failures = re.search(r"^test cases:.*$", done.out, re.M)
    return Row(what, note=failures[0] if failures and done.code is not None else done.complaint(), command=command, timed=False,
               wrong=True)


def kernels(bench):
    yield from catch2(bench, "sclip_kernel_tests", SIMULATED_KERNELS if bench.simulated else "~[cpu]")


def engine(bench):
    """Recorded against eager, batching, the text bank, the session; and the goldens."""
    yield from catch2(bench, "sclip_unit_tests", SIMULATED_ENGINE if bench.simulated else "[device],[golden]")


def backend(bench):
    # A faulty kernel makes the device unusable, and two devices are not everywhere.
    yield from catch2(bench, "sclip_cuda_tests", "~[devices]~[device_fault]")


def pipeline(bench):
    """One photo to labels: the CPU in f32, and the device in each precision."""
    photo = bench.place.small_photo if bench.simulated else bench.place.photo

    def segment(device, precision, folder):
        command = bench.program("sclip", "segment", photo, "--model", bench.model, "--device", device, "--precision", precision,
                                "--classes", CLASSES, "--cache-dir", bench.out / "banks", "--outputs", "mask,json,logits",
                                "-o", folder)
        bench.run(command)
        return read_npy(folder / "logits.npy"), read_mask(folder / "mask.png"), bench.spell(command)

    results = bench.out / "pipeline"
    logits, mask, _ = segment("cpu", "f32", results / "cpu")
    if len(set(mask[2])) < 2:
        raise Failed("the CPU gives one label to the whole photo, which proves nothing")
    limits = DEMO_LIMITS if bench.model == bench.place.demo_model else LIMITS
    for precision, (most, least) in limits.items():
        found, found_mask, command = segment("cuda", precision, results / precision)
        error, share = largest_difference(found, logits), equal_share(found_mask, mask)
        right = error <= most and share >= least
        yield Row(f"{precision} against the CPU in f32", error, "of the cosine", command=command, timed=False, wrong=not right,
                  note=f"at most {most:g} is allowed; {share:.3%} of the labels are equal, {least:.2%} have to be")


def fp8(bench):
    """What fp8 changes on a photo, and bf16 beside it: `sclip verify`."""
    bench = on_hopper(bench)
    photo = bench.place.small_photo if bench.simulated else bench.place.photo
    few = ("--short-side", 112, "--crop", 112) if bench.simulated else ()
    for precision, (most, least) in VERIFY_LIMITS.items():
        command = bench.program("sclip", "verify", photo, "--model", bench.place.demo_model, "--device", "cuda", "--precision", precision,
                                "--classes", CLASSES, "--templates", "none", "--cache-dir", bench.out / "banks", "--json", *few)
        done = bench.run(command, check=False)
        if done.code != 0:
            refuse_where_there_is_no_fp8(done)
            raise Failed(f"sclip verify: {done.complaint()}")
        facts = json.loads(done.out)["all"]
        # An error that is no number is null.
        error, share = facts["logits"]["max_error"], facts["labels"]["agreement"]
        right = error is not None and error <= most and share >= least
        yield Row(f"{precision} beside f32, {photo.name}", error, "of the cosine", command=bench.spell(command), timed=False, wrong=not right,
                  note=f"at most {most:g} is allowed; {share:.3%} of the labels are equal, {least:.2%} have to be")
