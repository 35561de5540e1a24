"""gpu-check's logic with stand-ins for programs and tools: what is found, what a failure becomes, what is printed."""
import argparse
import array
import ctypes
import json
import lzma
import math
import os
import stat
import struct
import sys
import time
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.gpu_check import arrays, libraries, machine, main, report  # noqa: E402
from benchmarks.gpu_check.commands import run_command  # noqa: E402
from benchmarks.gpu_check.place import Place  # noqa: E402
from benchmarks.gpu_check.schedule import exit_code, run_steps  # noqa: E402
from benchmarks.gpu_check.step import Bench, Failed, NotMeasured, Row, Step  # noqa: E402
from benchmarks.gpu_check.steps import (STEPS, ceilings, correctness, encoder, energy, kernels, peers, profiler,  # noqa: E402
                                        sanitizer, weights)

FACTS = {"simulated": False, "date": "2026-01-02 03:04", "card": {"name": "NVIDIA H100", "driver_version": "580.1"}}


def script(folder, name, body):
    """A program in Python."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A bench whose programs and tools are those that a test puts into `programs`."""
    programs, out = tmp_path / "programs", tmp_path / "out"
    programs.mkdir()
    out.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    made = Bench(Place(ROOT, programs), out, dict(os.environ), full=True, model=Path("model.sclip"), log=out / "log")
    made.ends = time.monotonic() + 600
    return made


def outcome_of(bench, run, **settings):
    step = Step(**{"name": "a step", "part": "part", "limit": 30, **settings}, run=run)
    return run_steps([step], bench, 60)[0]


# Libraries and places.

def test_libraries_are_found_in_wheels_and_toolkits(tmp_path):
    wheel = tmp_path / "site-packages/nvidia/cu13/lib"
    newer, older = tmp_path / "local/cuda-13.10/lib64", tmp_path / "local/cuda-13.9/lib64"
    for folder, name in ((wheel, "libcublasLt.so.13"), (newer, "libcudart.so.13"), (older, "libcudart.so.13")):
        folder.mkdir(parents=True)
        (folder / name).touch()
    folders = [*libraries.toolkit_folders(tmp_path / "local"), *libraries.wheel_folders([str(tmp_path / "site-packages")])]
    assert libraries.find_libraries(folders) == {"libcudart.so.13": newer, "libcublasLt.so.13": wheel}


def test_own_libraries_come_before_cudas(tmp_path):
    assert libraries.search_path([Path("/own")], {"a": Path("/cuda"), "b": Path("/cuda")}) == "/own:/cuda"


def test_packed_libraries_are_unpacked_once(tmp_path):
    packed = tmp_path / "lib"
    packed.mkdir()
    (packed / "libx.so.2.xz").write_bytes(lzma.compress(b"code"))
    for _ in range(2):
        assert libraries.unpack(packed, tmp_path / "to") == ["libx.so.2"]
    assert (tmp_path / "to/libx.so.2").read_bytes() == b"code"
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["libx.so.2"]


class Driver:
    def __init__(self, error=0, devices=1):
        self.cuInit = lambda flags: error
        self.devices = devices

    def cuDeviceGetCount(self, count):
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = self.devices
        return 0


def test_a_driver_is_judged():
    def absent(name):
        raise OSError
    assert "no NVIDIA driver" in machine.driver_refusal(absent)
    assert "error 100" in machine.driver_refusal(lambda name: Driver(error=100))
    assert "shows no GPU" in machine.driver_refusal(lambda name: Driver(devices=0))
    assert machine.driver_refusal(lambda name: Driver()) is None


def test_without_a_driver_one_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(main, "driver_refusal", lambda: "no NVIDIA driver: it is not here")
    assert main.main(["--out", str(tmp_path / "out")]) == 2
    streams = capsys.readouterr()
    assert streams.err == "gpu-check: no NVIDIA driver: it is not here\n" and streams.out == ""
    assert not (tmp_path / "out").exists()


def test_missing_libraries_of_cuda_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(main, "driver_refusal", lambda: None)
    monkeypatch.setattr(main, "find_on_this_machine", lambda: {"libcudart.so.13": Path("/x")})
    assert main.main(["--out", str(tmp_path / "out")]) == 2
    assert "libcublasLt.so.13 not found" in capsys.readouterr().err


# Commands and the schedule.

def test_a_command_past_its_limit_is_ended_with_what_it_started(tmp_path):
    child = tmp_path / "child"
    slow = script(tmp_path, "slow", f"import subprocess\np = subprocess.Popen(['sleep', '60'])\nopen({str(child)!r}, 'w').write(str(p.pid))\n"
                                    "print('begun', flush=True)\ntime.sleep(60)")
    done = run_command([slow], 2, tmp_path / "log", dict(os.environ), tmp_path)
    assert done.timed_out and done.seconds < 20 and "past its limit" in done.complaint()
    assert "begun" in (tmp_path / "log").read_text() and "past its limit" in (tmp_path / "log").read_text()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child.read_text()}").exists():
        state = Path(f"/proc/{child.read_text()}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "Z":  # ended; whoever inherited it has not asked yet
            break
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.05)


def test_a_failure_is_reported_in_the_programs_words(bench):
    script(bench.place.programs, "bad", "print('loading', file=sys.stderr); print('error: it broke', file=sys.stderr); sys.exit(3)")

    def run(bench):
        bench.run(bench.program("bad"))
        yield Row("never")
    checked, measured = (outcome_of(bench, run, correctness=check) for check in (True, False))
    assert checked.status == measured.status == "failed"
    assert "exit code 3: error: it broke" in checked.reason
    assert exit_code([checked], simulated=False) == 1
    assert exit_code([measured], simulated=False) == 0, "a figure that is missing is no fault of the backend"
    assert exit_code([measured], simulated=True) == 1, "a rehearsal has no other purpose"


def test_a_program_or_tool_that_is_missing_is_no_failure(bench):
    def run(bench):
        bench.run(bench.program("absent"))
        yield Row("never")
    without_program = outcome_of(bench, run)
    without_tool = outcome_of(bench, run, needs=("no-such-tool",))
    assert (without_program.status, without_tool.status) == ("not measured", "not measured")
    assert "absent is not among the programs" in without_program.reason
    assert without_tool.reason == "no-such-tool is not installed"


def test_a_row_that_does_not_hold_fails_the_step_and_the_others_stay(bench):
    result = outcome_of(bench, lambda b: iter([Row("right", 1), Row("off", 2, wrong=True)]), correctness=True)
    assert result.status == "failed" and "off" in result.reason and len(result.rows) == 2
    assert outcome_of(bench, lambda b: iter(())).reason == "it gave no figure"


def test_rows_before_a_failure_are_kept(bench):
    def run(bench):
        yield Row("first", 1.0, "µs")
        raise Failed("the second broke")
    result = outcome_of(bench, run)
    assert result.status == "failed" and [row.what for row in result.rows] == ["first"]


def test_when_the_time_is_out_the_rest_says_so(bench):
    script(bench.place.programs, "slow", "time.sleep(60)")

    def slow(bench):
        bench.run(bench.program("slow"))
        yield Row("never")
    steps = [Step("slow", "p", slow, 30), Step("figure", "p", slow, 30), Step("check", "p", slow, 30, correctness=True)]
    outcomes = run_steps(steps, bench, 4)
    assert "past its limit" in outcomes[0].reason and outcomes[0].seconds < 20
    assert [o.status for o in outcomes[1:]] == ["not measured", "not measured"]
    assert all("the time was out" in o.reason for o in outcomes[1:])
    assert exit_code(outcomes, simulated=False) == 1, "a check that was not made is not passed"
    optional = Step("sanitizer", "p", slow, 30, correctness=True, quick=False)
    outcome, = run_steps([optional], bench, 1)
    assert outcome.status == "not measured" and exit_code([outcome], simulated=False) == 0


def test_an_answer_that_is_not_understood_ends_its_own_step_only(bench):
    outcomes = run_steps([Step("odd", "p", lambda b: iter([Row("a", None.nothing)]), 9), Step("next", "p", lambda b: iter([Row("b", 1)]), 9)],
                         bench, 60)
    assert [o.status for o in outcomes] == ["failed", "measured"]
    assert "AttributeError" in outcomes[0].reason and "Traceback" in (bench.out / "logs/odd.log").read_text()


def test_quick_leaves_out_what_only_a_full_run_has(bench):
    bench.full = False
    assert outcome_of(bench, lambda b: iter([Row("r", 1)]), quick=False).reason == "--quick leaves it out"
    assert outcome_of(bench, lambda b: iter([Row("r", 1)])).status == "measured"


def test_steps_are_named_once_and_checks_come_first():
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)
    quick = [step for step in STEPS if step.quick]
    checks = [i for i, step in enumerate(quick) if step.correctness]
    assert checks and checks[-1] - checks[0] == len(checks) - 1 and checks[0] <= 1


# Steps with stand-ins.

def test_catch2_is_read(bench):
    script(bench.place.programs, "tests", "print('All tests passed (12 assertions in 3 test cases)')")
    row, = correctness.catch2(bench, "tests", "~[cpu]")
    assert (row.value, row.note, row.wrong) == (3, "12 assertions hold", False)
    for body in ("print('test cases: 3 | 2 passed | 1 failed'); sys.exit(1)", "print('No tests ran')", "os.abort()",
                 "print('All tests passed (12 assertions in 3 test cases)'); sys.exit(1)"):
        script(bench.place.programs, "tests", body)
        row, = correctness.catch2(bench, "tests", "~[cpu]")
        assert row.wrong, body
    script(bench.place.programs, "tests", "time.sleep(60)")
    bench.ends = time.monotonic() + 1
    row, = correctness.catch2(bench, "tests", "~[cpu]")
    assert row.wrong and "past its limit" in row.note


SEGMENT = """
import array, struct, zlib
arguments = dict(zip(sys.argv, sys.argv[1:]))
folder, precision = arguments['-o'], arguments['--precision'] if arguments['--device'] == 'cuda' else 'cpu'
os.makedirs(folder)
off = {errors}.get(precision, 0.0)
logits = array.array('f', [0.25, 0.5 + off, 0.75, 1.0])
header = repr({{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 2)}}).encode()
open(folder + '/logits.npy', 'wb').write(b'\\x93NUMPY\\x01\\x00' + struct.pack('<H', len(header)) + header + logits.tobytes())
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
pixels = {pixels}
open(folder + '/mask.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 2, 2, 8, 3, 0, 0, 0))
    + chunk(b'IDAT', zlib.compress(pixels)) + chunk(b'IEND', b''))
"""


@pytest.mark.parametrize("errors, pixels, wrong", [
    ({}, r"b'\0\0\1\0\1\0'", []), ({"f16": 1e-2}, r"b'\0\0\1\0\1\0'", ["f16"]), ({"f32": 1e-5}, r"b'\0\0\1\0\1\0'", ["f32"]),
    ({"bf16": "nan"}, r"b'\0\0\1\0\1\0'", ["bf16"]),
    ({}, r"b'\0\0\1\0\1\0' if precision != 'f16' else b'\0\0\1\0\1\1'", ["f16"])])
def test_the_pipeline_is_held_to_its_limits(bench, errors, pixels, wrong):
    spelt = "{" + ", ".join(f"{k!r}: float({v!r})" for k, v in errors.items()) + "}"
    script(bench.place.programs, "sclip", SEGMENT.format(errors=spelt, pixels=pixels))
    result = outcome_of(bench, correctness.pipeline, correctness=True)
    assert [row.what.split()[0] for row in result.rows if row.wrong] == wrong, result.reason
    assert result.status == ("failed" if wrong else "passed"), result.reason


def test_a_photo_of_one_label_proves_nothing(bench):
    script(bench.place.programs, "sclip", SEGMENT.format(errors="{}", pixels="bytes(6)"))
    result = outcome_of(bench, correctness.pipeline, correctness=True)
    assert result.status == "failed" and "proves nothing" in result.reason


VERIFY = """
precision = sys.argv[sys.argv.index('--precision') + 1]
error, agreement = {figures}[precision]
print(json.dumps(dict(all=dict(logits=dict(max_error=error), labels=dict(agreement=agreement)))))
"""
FINE = {"fp8": (0.02, 0.99), "bf16": (0.005, 0.999)}


@pytest.mark.parametrize("found, wrong", [
    ({}, []), ({"fp8": (1.0, 0.99)}, ["fp8"]), ({"fp8": (0.02, 0.5)}, ["fp8"]), ({"fp8": (None, 0.99)}, ["fp8"]),
    ({"bf16": (0.5, 0.999)}, ["bf16"])])
def test_fp8_is_held_to_its_limits_beside_bf16(bench, found, wrong):
    script(bench.place.programs, "sclip", VERIFY.format(figures={**FINE, **found}))
    result = outcome_of(bench, correctness.fp8, correctness=True, quick=False)
    assert [row.what.split()[0] for row in result.rows if row.wrong] == wrong, result.reason
    assert len(result.rows) == 2 and result.status == ("failed" if wrong else "passed"), result.reason


def test_a_card_without_fp8_says_so_and_is_no_failure(bench):
    words = "sclip: precision fp8 needs compute capability 9.0 (H100, H200, GH200), and this device is A100; use precision bf16"
    for name in ("sclip", "sclip_encoder_bench"):
        script(bench.place.programs, name, f"sys.exit({words!r})")
    verified = outcome_of(bench, correctness.fp8, correctness=True, quick=False)
    measured = outcome_of(bench, encoder.fp8)
    for result in (verified, measured):
        assert result.status == "not measured" and result.reason == words.removeprefix("sclip: ")
    assert exit_code([verified, measured], simulated=False) == 0
    for name in ("sclip", "sclip_encoder_bench"):
        script(bench.place.programs, name, "sys.exit('sclip: out of memory')")
    assert outcome_of(bench, correctness.fp8, correctness=True, quick=False).status == "failed"
    assert outcome_of(bench, encoder.fp8).status == "failed"


@pytest.mark.parametrize("with_torch", [True, False])
def test_weights_are_made_and_converted_here(bench, monkeypatch, with_torch):
    bench.simulated = True
    monkeypatch.setattr(weights, "tool_refusal", lambda name: None if with_torch else "not here")
    bench.env["PYTHONPATH"] = f"{ROOT}:{ROOT / 'weights/convert'}"
    for words in ("3.8 M parameters", "made by an earlier run"):
        row, = weights.run(bench)
        assert words in row.note
    assert (bench.out / "weights/random.sclip").stat().st_size > 1e6


SANITIZER = """
kernel = sys.argv[-1]
if '[gelu]' in kernel: print('All tests passed'); print('========= ERROR SUMMARY: 0 errors'); sys.exit(0)
{rest}
"""


@pytest.mark.parametrize("rest, status, words", [
    ("print('========= ERROR SUMMARY: 2 errors'); sys.exit(87)", "failed", "2 errors"),
    ("print('========= ERROR SUMMARY: 0 errors')", "passed", "0 errors"),
    ("time.sleep(60)", "passed", "not measured")])
def test_the_sanitizers_verdict(bench, rest, status, words):
    script(bench.place.programs, "sclip_kernel_tests", "")
    script(bench.place.programs, "compute-sanitizer", SANITIZER.format(rest=rest))
    result = outcome_of(bench, sanitizer.memcheck, correctness=True, limit=8)
    assert result.status == status and words in result.rows[1].note
    assert result.rows[0].what == "memcheck, gelu" and not result.rows[0].wrong


def test_a_sanitizer_that_does_not_run_is_no_failure(bench):
    script(bench.place.programs, "sclip_kernel_tests", "")
    script(bench.place.programs, "compute-sanitizer", "print('Error: unsupported device', file=sys.stderr); sys.exit(1)")
    result = outcome_of(bench, sanitizer.memcheck, correctness=True)
    assert result.status == "not measured" and "unsupported device" in result.reason


def test_the_roofline_is_the_measured_one(bench):
    script(bench.place.programs, "sclip_cuda_ceilings",
           "print(json.dumps(dict(device='NVIDIA H100 80GB', copied_bytes=1 << 30, copy_bytes_per_second=2.5e12, side=8192, "
           "f16_flops_per_second=7e14, bf16_flops_per_second=8e14)))")
    copy, *products = ceilings.run(bench)
    assert copy.value == 2500 and "74.6% of the data sheet's" in copy.note
    assert [row.value for row in products] == pytest.approx([700, 800])
    case = {"name": "k", "shape": "s", "bytes": 2.5e6, "mma": 0}
    assert kernels.floor_seconds(case, bench.found) == (pytest.approx(1e-6), "memory")
    assert kernels.floor_seconds({**case, "mma": 8e14 / 4096}, bench.found) == (pytest.approx(1.0), "tensor cores")
    script(bench.place.programs, "sclip_cuda_bench",
           f"print(json.dumps(dict({case!r}, microseconds=2.0)), flush=True); sys.exit('cannot launch')")
    result = outcome_of(bench, kernels.ours)
    row, = result.rows
    assert row.value == 2.0 and "50.0% of the roofline (memory)" in row.note
    assert result.status == "failed" and "cannot launch" in result.reason


def test_a_product_that_is_wrong_is_said_so(bench):
    plan = {"layer": "fc1", "rows": 2, "inputs": 3, "outputs": 4, "plan": "ours", "microseconds": 5.0, "tflops": 300.0}
    script(bench.place.programs, "sclip_gemm_bench",
           f"for error in (0.5, 1.5, None): print(json.dumps(dict({plan!r}, error=error)))")
    result = outcome_of(bench, kernels.products, correctness=True)
    assert [row.wrong for row in result.rows] == [False, True, True] * 2 and result.status == "failed"


def test_the_better_options_are_kept(bench):
    for rate, options in ((20000, encoder.TUNED), (10000, ())):
        script(bench.place.programs, "sclip_encoder_bench", ENCODER.format(rate=f"(({rate} if '--tune' in sys.argv else 15000))", lasts=0))
        bench.found.clear()
        list(encoder.f16(bench))
        list(encoder.tuned(bench))
        assert encoder.strongest(bench, "f16") == options
        assert encoder.best(bench, "f16") == pytest.approx(max(rate, 15000))


ENCODER = """
at = sys.argv.index
for windows in sys.argv[at('--windows') + 1].split(','):
    print(json.dumps(dict(windows=int(windows), tokens=197, median=int(windows) / {rate}, rounds=9, began=time.time(), ended=time.time() + {lasts})))
time.sleep({lasts})
"""


def test_encoder_and_peer_are_compared(bench, monkeypatch):
    bench.state = Path("random.pt")
    script(bench.place.programs, "sclip_encoder_bench", ENCODER.format(rate=15000, lasts=0))
    rows = list(encoder.f16(bench))
    assert [row.value for row in rows] == pytest.approx([15000] * len(encoder.BATCHES)) and rows[0].what == "f16, N=197, batch 1"
    assert encoder.best(bench, "f16") == pytest.approx(15000) and encoder.best(bench, "f32") is None
    peer = script(bench.place.programs, "peer", "p = sys.argv[sys.argv.index('--precision') + 1]\nif p == 'bf16': sys.exit('out of memory')\n"
                                                "print(json.dumps(dict(precision='f16', mode='eager', batch=64, milliseconds=6.4, "
                                                "windows_per_second=10000.0)))")
    monkeypatch.setattr(Bench, "python", lambda self, module, *arguments: [peer, *arguments])
    rows = list(peers.uncompiled(bench))
    assert rows[0].value == 10000 and "sclip is 1.50×" in rows[0].note
    assert any("not measured" in row.note and "out of memory" in row.note for row in rows)
    bench.state = None
    with pytest.raises(NotMeasured, match="no weights"):
        list(peers.uncompiled(bench))


def test_energy_is_power_over_rate(bench):
    script(bench.place.programs, "sclip_encoder_bench", ENCODER.format(rate=10000, lasts=1))
    script(bench.place.programs, "nvidia-smi", "while True: print('500, 1700, 60', flush=True); time.sleep(0.05)")
    for row in energy.run(bench):
        assert row.value == pytest.approx(50.0) and "500 W at 10,000 windows/s" in row.note
    script(bench.place.programs, "nvidia-smi", "while True: print('[N/A], 1700, 60', flush=True); time.sleep(0.05)")
    with pytest.raises(NotMeasured, match="no power draw"):
        list(energy.run(bench))


NCU = '''"ID","Kernel Name","gpu__time_duration.sum","dram__bytes.sum","sm__inst_executed_pipe_tensor_op_hmma.avg.pct_of_peak_sustained_active","smsp__average_warps_issue_stalled_long_scoreboard_per_issue_active.ratio","smsp__average_warps_issue_stalled_barrier_per_issue_active.ratio"
"","","ns","byte","%","inst","inst"
"0","gemm(float)","2,000","4000000","61.5","1.5","2.5"
"1","gemm(float)","4000","4000000","61.5","1.5","2.5"
"2","norm(float)","1000","2000000","n/a","0.5","0.25"
'''


def test_the_profilers_table_is_read(bench):
    script(bench.place.programs, "sclip_encoder_bench", "")
    script(bench.place.programs, "ncu", f"assert '--clock-control' in sys.argv and sys.argv[sys.argv.index('--clock-control') + 1] == 'none'\n"
                                        f"print('==PROF== Connected')\nprint({NCU!r})")
    first, second = profiler.run(bench)
    assert (first.what, first.value, first.unit) == ("gemm", 3.0, "µs")
    assert "2 launches; DRAM 4.0 MB, 1333 GB/s; tensor pipe 62%; stalls: barrier 2.50, long_scoreboard 1.50" in first.note
    assert second.what == "norm" and "tensor pipe 0%" in second.note
    script(bench.place.programs, "ncu", "print('==ERROR== ERR_NVGPUCTRPERM - no permission', file=sys.stderr); sys.exit(1)")
    with pytest.raises(NotMeasured, match="ERR_NVGPUCTRPERM"):
        list(profiler.run(bench))
    script(bench.place.programs, "ncu", "print('nothing')")
    with pytest.raises(Failed, match="no table"):
        list(profiler.run(bench))


# Reports.

def outcomes_for_a_report(bench):
    steps = [Step("figures", "encoder", lambda b: iter([Row("batch 64", 12345.6, "windows/s", "5 ms", "bin/x --y"),
                                                        Row("difference", 1e-6, "of the cosine", timed=False)]), 9),
             Step("check", "correctness", lambda b: iter([Row("a | b", note="it is off", wrong=True)]), 9, correctness=True),
             Step("profile", "profile", lambda b: iter(()), 9, needs=("no-such-tool",))]
    return run_steps(steps, bench, 60)


def test_the_table_has_every_row_and_every_refusal(bench, tmp_path):
    outcomes = outcomes_for_a_report(bench)
    text = report.plain(FACTS, outcomes)
    assert "NVIDIA H100, driver 580.1; 2026-01-02 03:04" in text
    assert "12,346 windows/s" in text and "1.0e-06 of the cosine" in text
    assert "WRONG; it is off" in text and "FAILED" in text and "no-such-tool is not installed" in text
    report.write(tmp_path, FACTS, outcomes)
    page = (tmp_path / "gpu.md").read_text()
    assert "| batch 64 | 12,346 windows/s | 5 ms | `bin/x --y` |" in page and "a \\| b" in page
    kept = json.loads((tmp_path / "gpu.json").read_text())
    assert [step["status"] for step in kept["steps"]] == ["measured", "failed", "not measured"]
    assert kept["steps"][0]["rows"][0]["value"] == 12345.6


def test_what_is_no_number_is_said_so(bench, tmp_path):
    outcomes = run_steps([Step("s", "p", lambda b: iter([Row("off", math.inf, wrong=True)]), 9)], bench, 60)
    report.write(tmp_path, FACTS, outcomes)
    assert "not a number" in report.plain(FACTS, outcomes)
    assert json.loads((tmp_path / "gpu.json").read_text())["steps"][0]["rows"][0]["value"] is None


def test_parts_stand_together(bench):
    steps = [Step(name, part, lambda b: iter([Row("r", 1)]), 9) for name, part in (("a", "x"), ("b", "y"), ("c", "x"))]
    parts = [line[0] for line in report.lines_of(run_steps(steps, bench, 60), False)]
    assert parts == ["x", "x", "y"]


def test_a_simulators_time_is_printed_nowhere(bench, tmp_path):
    outcomes, facts = outcomes_for_a_report(bench), {**FACTS, "simulated": True}
    report.write(tmp_path, facts, outcomes)
    for text in (report.plain(facts, outcomes), (tmp_path / "gpu.md").read_text(), (tmp_path / "gpu.json").read_text()):
        assert "12,346" not in text and "12345" not in text and "5 ms" not in text
        assert "cudasim" in text and "of the cosine" in text


# Reading what sclip writes.

def test_differences_reject_what_is_no_number():
    good = ((2,), array.array("f", [1.0, 2.0]))
    assert arrays.largest_difference(good, ((2,), array.array("f", [1.0, 2.5]))) == 0.5
    assert arrays.largest_difference(((2,), array.array("f", [1.0, math.nan])), good) == math.inf
    assert arrays.largest_difference(((2,), array.array("f", [1.0, math.inf])), good) == math.inf
    assert arrays.largest_difference(((1, 2), good[1]), good) == math.inf


def test_masks_of_every_filter_are_read(tmp_path):
    image = pytest.importorskip("PIL.Image")
    numpy = pytest.importorskip("numpy")
    pixels = numpy.random.default_rng(1).integers(0, 256, (9, 7), dtype=numpy.uint8)
    image.fromarray(pixels).save(tmp_path / "grey.png")
    assert arrays.read_mask(tmp_path / "grey.png") == (7, 9, pixels.tobytes())

    def predicted(kind, y, x):
        left, up = (int(pixels[y, x - 1]) if x else 0), (int(pixels[y - 1, x]) if y else 0)
        corner = int(pixels[y - 1, x - 1]) if x and y else 0
        nearest = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
        return (0, left, up, (left + up) // 2, nearest)[kind]
    lines = b"".join(bytes([y % 5, *((int(pixels[y, x]) - predicted(y % 5, y, x)) % 256 for x in range(7))]) for y in range(9))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    (tmp_path / "all.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 9, 8, 0, 0, 0, 0))
                                       + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))
    assert numpy.array_equal(numpy.asarray(image.open(tmp_path / "all.png")), pixels), "the test's own encoder"
    assert arrays.read_mask(tmp_path / "all.png") == (7, 9, pixels.tobytes())


def test_the_command_line_is_one_of_quick_and_full():
    assert isinstance(main.parse(["--full"]), argparse.Namespace)
    with pytest.raises(SystemExit):
        main.parse(["--full", "--quick"])
