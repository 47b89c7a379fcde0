#!/usr/bin/env python3
"""slices.py PROGRAM BASE ADAPTER FOLDER [KIND ...]: what a tuned model still knows of the world.

For each kind of row (world.py slice), the loss and the share of answers that are said word for word, by BASE
alone and with ADAPTER. The rows are left in FOLDER. A star marks the kinds of which some rows stand among the
tickets (make.py).
"""
import json
import pathlib
import subprocess
import sys

import make

HERE = pathlib.Path(__file__).resolve().parent
ROWS = 80
KINDS = [*make.KINDS, "units", "records", "stories"]


def measure(pace, base, path, *more):
    done = subprocess.run([pace, "eval", base, path, "--json", "--quiet", *more], capture_output=True, check=True)
    return json.loads(done.stdout)


def percent(share):
    return "" if share is None else f"{100 * share:.0f} %"


def main():
    pace, base, adapter, folder = sys.argv[1:5]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'':12} {'loss':>6} {'now':>6}   {'exact':>6} {'now':>6}")
    for kind in sys.argv[5:] or KINDS:
        path = folder / f"{kind}.jsonl"
        rows = subprocess.run([sys.executable, HERE / "world.py", "slice", kind, "--rows", str(ROWS)],
                              capture_output=True, check=True)
        path.write_bytes(rows.stdout)
        before, now = measure(pace, base, path), measure(pace, base, path, "--adapter", adapter)
        name = kind + (" *" if kind in make.KINDS else "")
        print(f"{name:12} {before['loss']:6.3f} {now['loss']:6.3f}   {percent(before['exact_match']):>6} "
              f"{percent(now['exact_match']):>6}", flush=True)


if __name__ == "__main__":
    main()
