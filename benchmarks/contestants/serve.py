"""The contestants' side of the line protocol, and the arguments all of them take."""
import argparse
import json
import os
import sys
import time


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--weights", help="state dict under OpenAI's keys (.pt)")
    parser.add_argument("--photo", default="tests/data/photos/china.jpg")
    parser.add_argument("--classes", default="")
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--policy", default="sclip")
    parser.add_argument("--tuned", action="store_true", help="settings that its users have to find")
    parser.add_argument("--threads", type=int, default=2)
    known = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(known.threads))  # before any engine is imported
    return known


def serve(run, facts: dict) -> None:
    """`facts` describes the contestant: settings chosen, error against the reference."""
    print("ready " + json.dumps(facts), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            return
        start = time.perf_counter()
        run()
        print(f"{time.perf_counter() - start:.6f}", flush=True)


def fastest(candidates: dict, rounds: int = 3):
    """candidates: name → callable. Warms each up, then the best of `rounds`: (name, {name: seconds})."""
    seconds = {}
    for name, run in candidates.items():
        run()
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        seconds[name] = round(min(times), 4)
    return min(seconds, key=seconds.get), seconds
