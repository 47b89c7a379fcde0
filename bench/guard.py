"""How well the guard does: the simulator's scores (test/sim/score.c) on the seeds for reporting.

    ./dev bench guard           the odd seeds; 240 of them, about a minute
    GUARD_SEEDS=1000 ./dev bench guard
"""
import os
import pathlib
import subprocess
import sys

score = pathlib.Path(os.environ["PACE_BUILD"]) / "test/sim/score"
sys.exit(subprocess.run([score, "odd", os.environ.get("GUARD_SEEDS", "240")]).returncode)
