"""gpu-check [--quick|--full] [--simulate] [--out DIR]: judges the CUDA backend on this machine's GPU.

Exit code: 0; 1 when a check of correctness failed or was not made (with --simulate: when anything failed); 2 when there is no GPU."""
import argparse
import datetime
import os
import platform
import sys
from pathlib import Path

from . import report
from .libraries import NEEDED, find_on_this_machine, search_path, unpack
from .machine import card, driver_refusal
from .place import Place
from .schedule import exit_code, run_steps
from .step import Bench
from .steps import STEPS

# Seconds. A rehearsal takes a minute and a half on two cores; a machine that others use may take longer.
QUICK, FULL, SIMULATED = 175, 470, 540


def parse(arguments):
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how_long = parser.add_mutually_exclusive_group()
    how_long.add_argument("--quick", action="store_true", help="at most 3 minutes (default)")
    how_long.add_argument("--full", action="store_true", help="at most 8 minutes")
    parser.add_argument("--simulate", action="store_true", help="rehearse every step under cudasim, small; needs no GPU")
    parser.add_argument("--out", type=Path, default=Path("out/gpu-check"), metavar="DIR",
                        help="for gpu.json, gpu.md and logs (out/gpu-check)")
    parser.add_argument("--build", type=Path, metavar="DIR", help="the folder with the programs")
    parser.add_argument("--only", default="", metavar="TEXT", help="steps whose name contains it")
    parser.add_argument("--environment", action="store_true", help="print what the programs need set, for a shell, and stop")
    return parser.parse_args(arguments)


def environment(place, out, simulated):
    """The variables of our programs, and the CUDA libraries found."""
    unpacked = out / "lib"
    names = [name for folder in place.library_folders for name in unpack(folder, unpacked)]
    unpack(place.demo_model.parent, place.demo_model.parent, "*.sclip")  # where the tests look for it
    found = {} if simulated else find_on_this_machine()
    own = [*place.library_folders, *([unpacked] if names else [])]
    given = [Path(path) for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    env = dict(os.environ, LD_LIBRARY_PATH=search_path([*own, *given], found))
    given = os.environ.get("PYTHONPATH")
    env["PYTHONPATH"] = ":".join([str(place.root), str(place.root / "weights/convert"), *([given] if given else [])])
    env["SCLIP_TEST_DEVICE"] = "cuda"
    env["XDG_CACHE_HOME"] = str(out / "cache")  # what an earlier run tuned or cached does not count
    return env, found


def main(arguments=None):
    options = parse(arguments)
    refusal = None if options.simulate or options.environment else driver_refusal()
    if refusal:
        print(f"gpu-check: {refusal}", file=sys.stderr)
        return 2
    place, out = Place.find(options.build), options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    env, found = environment(place, out, options.simulate)
    if options.environment:
        for name in ("LD_LIBRARY_PATH", "PYTHONPATH", "SCLIP_TEST_DEVICE", "XDG_CACHE_HOME"):
            print(f"export {name}='{env[name]}'")
        return 0
    missing = [name for name in NEEDED if name not in found]
    if missing and not options.simulate:
        print(f"gpu-check: {' and '.join(missing)} not found beside the driver: install CUDA 13's runtime and cuBLAS, or the "
              "wheels nvidia-cuda-runtime and nvidia-cublas, or name their folder in LD_LIBRARY_PATH", file=sys.stderr)
        return 2
    bench = Bench(place, out, env, simulated=options.simulate, full=options.full or options.simulate, model=place.demo_model)
    facts = {"simulated": options.simulate, "full": options.full, "date": f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
             "card": {} if options.simulate else card(), "host": platform.platform(), "cores": os.cpu_count(),
             "libraries": {name: str(folder) for name, folder in found.items()}}
    print(report.title(facts), file=sys.stderr, flush=True)
    steps = [step for step in STEPS if options.only in step.name]
    budget = SIMULATED if options.simulate else FULL if options.full else QUICK
    outcomes = run_steps(steps, bench, budget, lambda done: report.write(out, facts, done))
    print(report.plain(facts, outcomes))
    print(f"wrote {out / 'gpu.md'} and {out / 'gpu.json'}; logs in {out / 'logs'}", file=sys.stderr)
    return exit_code(outcomes, options.simulate)


if __name__ == "__main__":
    sys.exit(main())
