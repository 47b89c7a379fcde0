#!/usr/bin/env python3
"""slices.py PROGRAM BASE ADAPTER FOLDER [KIND ...]: what a tuned model still knows of the world.

For each kind of row (world.py slice), the loss and the share of answers that are said word for word, by BASE
alone and with ADAPTER. The rows are left in FOLDER.
"""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROWS = 80
KINDS = ["questions", "small_sums", "dates", "units", "words", "records", "stories"]


def measure(pace, base, path, *more):
    done = subprocess.run([pace, "eval", base, path, "--json", "--quiet", *more], capture_output=True, check=True)
    return json.loads(done.stdout)


def percent(share):
    return "" if share is None else f"{100 * share:.0f} %"


def main():
    pace, base, adapter, folder = sys.argv[1:5]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'':10} {'loss':>6} {'now':>6}   {'exact':>6} {'now':>6}")
    for kind in sys.argv[5:] or KINDS:
        path = folder / f"{kind}.jsonl"
        rows = subprocess.run([sys.executable, HERE / "world.py", "slice", kind, "--rows", str(ROWS)],
                              capture_output=True, check=True)
        path.write_bytes(rows.stdout)
        before, now = measure(pace, base, path), measure(pace, base, path, "--adapter", adapter)
        print(f"{kind:10} {before['loss']:6.3f} {now['loss']:6.3f}   {percent(before['exact_match']):>6} "
              f"{percent(now['exact_match']):>6}", flush=True)


if __name__ == "__main__":
    main()
