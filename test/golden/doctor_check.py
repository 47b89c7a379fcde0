#!/usr/bin/env python3
"""pace doctor's verdicts on logs whose cause is known.

    PACE=build/pace PACE_BUILD=build PACE_DATA=... doctor_check.py [SEEDS]

Three judges, each with a table of what was taken for what:

  real logs   of the data folder, labelled by eye before the doctor was written (doctor_labels.tsv: a
              second verdict where an expert would hesitate); found by name and checksum. The half
              with an even checksum was looked at while the doctor was made, the other half was not.
  made up     doctor_logs.py: many causes, many formats, noise as in the real logs
  simulated   test/sim/make_logs: runs on landscapes whose losses without noise are known

Each must have 95 % right and at most 2 % of its healthy logs called ill.
"""
import collections
import csv
import hashlib
import json
import math
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import doctor_logs

HERE = pathlib.Path(__file__).resolve().parent
PACE = os.environ["PACE"]
BUILD = pathlib.Path(os.environ["PACE_BUILD"])
DATA = pathlib.Path(os.environ["PACE_DATA"])
SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 30
SIMULATED = (950_000, 132)  # first seed, how many: nobody tuned on these

passed = failed = 0


def check(ok, what):
    global passed, failed
    passed += ok
    failed += not ok
    if not ok:
        print(f"FAILED {what}")


def diagnose(path):
    """The first file of the report, or None where the log is refused."""
    done = subprocess.run([PACE, "doctor", "--json", str(path)], capture_output=True, timeout=120)
    if done.returncode == 3:
        return None
    assert done.returncode == 0, (path, done.returncode, done.stderr[-300:])
    return json.loads(done.stdout)["files"][0]


class Score:
    def __init__(self, name, least):
        self.name, self.least = name, least
        self.table = collections.defaultdict(collections.Counter)
        self.right = self.total = self.healthy = self.alarms = 0
        self.misses = []

    def add(self, cause, wanted, found, where):
        """wanted: the verdicts that count as right, the first of them the truth."""
        right = found in wanted
        self.table[cause][found] += 1
        self.right += right
        self.total += 1
        self.healthy += wanted[0] == "healthy"
        self.alarms += wanted[0] == "healthy" and not right
        if not right:
            self.misses.append(f"{where}: {'/'.join(wanted)}, found {found}")

    def tell(self, misses=0):
        print(f"{self.name}: {self.right} of {self.total} right "
              f"({100 * self.right / max(1, self.total):.1f} %), {self.alarms} false alarms on "
              f"{self.healthy} healthy logs")
        for cause, found in sorted(self.table.items()):
            print(f"    {cause:20}" + ", ".join(f"{v} {n}" for v, n in found.most_common()))
        for line in self.misses[:misses]:
            print(f"  missed {line}")
        check(self.right >= self.least * self.total, f"{self.name}: {self.right}/{self.total} right")
        check(self.alarms <= max(1, 0.02 * self.healthy),  # one of 34 is more than 2 %
              f"{self.name}: {self.alarms} false alarms on {self.healthy}")


def check_suggestion(found, where):
    """The rate that is suggested keeps to the contract."""
    used, suggested = found["learning_rate"]["used"], found["learning_rate"]["suggested"]
    bounds = {"too_high": (1 / 3, 1 / 2), "diverged": (1 / 3, 1 / 2), "too_low": (3, 5)}.get(found["verdict"])
    if bounds is None or not used:
        ok = suggested is None
    else:
        ok = suggested is not None and bounds[0] * 0.999 <= suggested / used <= bounds[1] * 1.001
    if not ok:
        check(False, f"{where}: {found['verdict']}, used {used}, suggested {suggested}")


# --- Real logs. ---------------------------------------------------------------------------------

def label_of(rows, found):
    """A file with several runs has a label each: the one of the run that was read."""
    told = " ".join(found["columns"] + found["notes"]) if found else ""
    named = [r for r in rows if r["series"] != "-" and r["series"] in told]
    return max(named, key=lambda r: len(r["series"])) if named else rows[0]


def real_logs():
    files = collections.defaultdict(list)
    with open(HERE / "doctor_labels.tsv", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            files[row["file"]].append(row)
    halves = [Score("real logs, the half that was looked at", 0.95),
              Score("real logs, the half that was not", 0.95)]
    for name, rows in files.items():
        path = DATA / "logs" / name
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != rows[0]["sha256"]:
            check(False, f"{name}: not the file that was labelled")
            continue
        found = diagnose(path)
        row = label_of(rows, found)
        wanted = [v for v in (row["verdict"], row["also"]) if v != "-"]
        verdict = found["verdict"] if found else "none"
        halves[int(row["sha256"][-1], 16) % 2].add(row["verdict"], wanted, verdict, name)
        if found:
            check_suggestion(found, name)
    for half in halves:
        half.tell(misses=20)


# --- Made up. -----------------------------------------------------------------------------------

def as_state(run, lines):
    return json.dumps({"global_step": run.steps, "max_steps": run.steps, "num_train_epochs": run.epochs,
                       "logging_steps": run.every, "log_history": lines})


def as_lines(run, lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


def as_console(run, lines):
    """Version 4 prints numbers, without the step."""
    return "".join(str({k: v for k, v in line.items() if k != "step"}) + "\n" for line in lines)


def as_table(run, lines):
    names = ["step", "loss", "learning_rate", "grad_norm", "epoch", "eval_loss"]
    names = [n for n in names if any(n in line for line in lines)]
    rows = [",".join(str(line.get(n, "")) for n in names) for line in lines]
    return "\n".join([",".join(names), *rows]) + "\n"


FORMATS = {"trainer_state.json": as_state, "log.jsonl": as_lines, "console.txt": as_console, "log.csv": as_table}


def made_up_logs(folder):
    score = Score("made-up logs", 0.95)
    for cause, (_, *wanted) in doctor_logs.CAUSES.items():
        for seed in range(SEEDS):
            run, lines = doctor_logs.make(cause, seed)
            # Without steps in it a console log cannot show that steps went back.
            names = [n for n in FORMATS if n != "console.txt" or cause != "resumed_wrong"]
            name = names[seed % len(names)]
            path = folder / name
            path.write_text(FORMATS[name](run, lines))
            found = diagnose(path)
            where = f"{cause} {seed} {name}"
            score.add(cause, [v for v in wanted if v], found["verdict"] if found else "none", where)
            if found:
                check_suggestion(found, where)
    score.tell(misses=60)


# --- Simulated. ---------------------------------------------------------------------------------

def simulated_logs(folder):
    score = Score("simulated logs", 0.95)
    first, count = SIMULATED
    subprocess.run([BUILD / "test/sim/make_logs", str(first), str(count), folder], check=True,
                   stderr=subprocess.DEVNULL)
    with open(folder / "truth.tsv", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            found = diagnose(folder / row["file"])
            score.add(row["story"], [row["verdict"]], found["verdict"] if found else "none", row["file"])
    score.tell()


def large_log(folder):
    """A million points in under two seconds."""
    path = folder / "large.csv"
    with open(path, "w") as out:
        out.write("step,loss,learning_rate\n")
        for i in range(1_000_000):
            out.write(f"{i},{2 + 8 / (1 + i / 1000) + 0.01 * math.sin(i * 7.1):.4f},{1e-4 * (1 - i / 1e6):.4g}\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = diagnose(path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"a million points: {seconds:.2f} s of a processor")
    check(found and found["verdict"] == "healthy" and seconds < 2, f"a million points: {seconds:.2f} s, {found}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        real_logs()
        made_up_logs(folder)
        simulated_logs(folder)
        large_log(folder)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
