"""Runs that are killed, interrupted or out of room, and gone on with: what they leave is what an undisturbed
run leaves, byte for byte but for times.

    test_resume.py PROGRAM          PACE_KILLS=200 kills that often (20)
"""
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import tiny

PROGRAM = None
KILLS = int(os.environ.get("PACE_KILLS", "20"))
TIMES = {"time", "seconds", "peak_memory_bytes", "memory"}
SPEEDS = ("_runtime", "_per_second")


def journal(folder):
    """The records without times, and without those that tell of the cuts themselves."""
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    return [repr({k: v for k, v in line.items() if k not in TIMES}) for line in lines
            if line["record"] not in ("checkpoint", "resume")]


def trainer_state(folder):
    state = json.loads((folder / "trainer_state.json").read_text())
    state["log_history"] = [{k: v for k, v in line.items() if not k.endswith(SPEEDS)}
                            for line in state["log_history"]]
    return repr(state)


def records(folder):
    """TensorBoard's records; the file ends behind a whole one."""
    (path,) = (folder / "tensorboard").iterdir()
    data, at = path.read_bytes(), 0
    while at < len(data):
        (n,) = struct.unpack_from("<Q", data, at)
        assert at + n + 16 <= len(data), "the last record is not whole"
        yield data[at + 12:at + 12 + n]
        at += n + 16


def events(folder):
    """The records without their wall times."""
    return [record[9:] for record in records(folder) if b"runtime" not in record]


def steps_of_events(folder, tag):
    """The steps of one curve: field 2 of an event, absent where it is 0."""
    found = []
    for record in events(folder):
        if tag not in record:
            continue
        step, shift, at = 0, 0, 1
        while record[0] == 0x10:
            step |= (record[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if record[at - 1] < 128:
                break
        found.append(step)
    return found


def steps_of_state(folder, key):
    state = json.loads((folder / "trainer_state.json").read_text())
    return [line["step"] for line in state["log_history"] if key in line]


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = tiny.write_model(self.folder / "model")
        self.data = tiny.write_rows(self.folder / "rows.jsonl", 400)
        self.out = self.folder / "out"

    def words(self, *words, out=None):
        return ["tune", self.model, self.data, "-o", str(out or self.out), "--lr", "0.01", "--batch", "8",
                "--eval-split", "8", "--test-split", "16", *words]

    def start(self, words, **more):
        return subprocess.Popen([PROGRAM, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env={**os.environ, "COLUMNS": "80", "LC_ALL": "C.UTF-8"}, **more)

    def run_pace(self, *words, **more):
        process = self.start(words, **more)
        out, err = process.communicate(timeout=120)
        return process.returncode, out.decode(), err.decode()

    def until_step(self, process, step):
        """Reads until the run has told of that step."""
        seen = b""
        while not seen.startswith(b"step ") or int(seen.split()[1].split(b"/")[0]) < step:
            seen = process.stderr.readline()
            self.assertTrue(seen, "the run ended too early")

    def whole(self, *words):
        """An undisturbed run, and how long it took."""
        folder = self.folder / "whole"
        began = time.monotonic()
        code, _, err = self.run_pace(*self.words(*words, out=folder))
        self.assertEqual(code, 0, err)
        return folder, time.monotonic() - began

    def assert_same(self, found, wanted):
        self.assertEqual({p.name for p in found.iterdir()}, {p.name for p in wanted.iterdir()})
        names = ["adapter/adapter_model.safetensors", "model/model.safetensors"]
        for name in [n for n in names if (wanted / n).exists()]:
            self.assertEqual((found / name).read_bytes(), (wanted / name).read_bytes(), name)
        self.assertEqual(journal(found), journal(wanted))
        self.assertEqual(trainer_state(found), trainer_state(wanted))
        self.assertEqual(events(found), events(wanted))
        left = [str(p) for p in found.rglob("*") if ".tmp-" in p.name]
        self.assertEqual(left, [])


class Killed(Case):
    def kill_often(self, kills, *words):
        wanted, seconds = self.whole(*words)
        draw = random.Random(kills)
        n_kills = n_resumed = 0
        while n_kills < kills:
            shutil.rmtree(self.out, ignore_errors=True)
            command = self.words(*words)
            while True:
                process = self.start([*command, "--threads", draw.choice("123")])
                if n_kills < kills:
                    time.sleep(draw.uniform(0, seconds))
                    process.kill()
                _, err = process.communicate(timeout=120)
                if process.returncode == 0:
                    break
                if process.returncode == -signal.SIGKILL:
                    n_kills += 1
                    command = ["tune", "--resume", self.out]
                    n_resumed += (self.out / "checkpoint/state.safetensors").exists()
                    continue
                # Killed before there was anything to go on from.
                self.assertEqual(process.returncode, 3, err)
                self.assertTrue(b"no checkpoint to go on from" in err or b"no such folder" in err, err)
                command = self.words(*words, "--overwrite-output-dir")
            self.assert_same(self.out, wanted)
        self.assertGreater(n_resumed, kills / 4)

    def test_adapters_with_the_guard(self):
        self.kill_often(KILLS // 4, "--steps", "200", "--save-steps", "7")

    def test_a_rate_that_is_found_on_the_way(self):
        self.kill_often(KILLS // 4, "--steps", "200", "--lr", "auto", "--save-steps", "9")

    def test_a_run_that_breaks_and_goes_back(self):
        self.kill_often(KILLS // 4, "--steps", "200", "--lr", "1", "--lora-dropout", "0.1", "--save-steps", "11")

    def test_all_weights_without_the_guard(self):
        self.kill_often(KILLS - 3 * (KILLS // 4), "--steps", "200", "--method", "full", "--guard", "off",
                        "--save-steps", "5")


class Interrupted(Case):
    def interrupt(self, number, *words):
        process = self.start(self.words(*words))
        self.until_step(process, 1)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (130, b""), err)
        return err.decode()

    def test_an_interrupt_saves_and_says_how_to_go_on(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            shutil.rmtree(self.out, ignore_errors=True)
            err = self.interrupt(number, "--steps", "100000")
            self.assertRegex(err, r"interrupted at step \d+ of 100000; its state is saved")
            self.assertIn(f"hint: pace tune --resume {self.out} goes on", err)
            self.assertFalse((self.out / "adapter").exists())

    def test_what_is_gone_on_with_equals_the_undisturbed_run(self):
        words = ["--steps", "2000", "--guard", "off"]
        self.interrupt(signal.SIGINT, *words)
        code, out, err = self.run_pace("tune", "--resume", self.out, "--threads", "1")
        self.assertEqual(code, 0, err)
        self.assertRegex(err, r"going on behind step \d+ of 2000")
        self.assertIn("test rows", out)
        self.assert_same(self.out, self.whole(*words)[0])

    def test_a_second_interrupt_ends_the_program(self):
        process = self.start(self.words("--steps", "100000"))
        self.until_step(process, 1)
        for _ in range(50):  # the first may still be waiting for its step to be done
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (130, -signal.SIGINT))

    def test_paths_may_be_relative_and_the_folder_may_move(self):
        words = ["tune", "model", "rows.jsonl", "-o", "out", "--lr", "0.01", "--steps", "3000",
                 "--guard", "off"]
        process = self.start(words, cwd=self.folder)
        self.until_step(process, 1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.out.rename(self.folder / "moved")
        code, out, err = self.run_pace("tune", "--resume", self.folder / "moved")
        self.assertEqual(code, 0, err)
        self.assertIn(str(self.folder / "moved/adapter"), out)


    def test_what_pretrain_began_is_gone_on_with(self):
        words = ["pretrain", self.model, self.data, "--steps", "1000", "--lr", "0.01", "--guard", "off", "-o"]
        process = self.start([*words, self.out])
        self.until_step(process, 1)
        process.send_signal(signal.SIGINT)
        self.assertIn(b"pace tune --resume", process.communicate(timeout=60)[1])
        code, _, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual(code, 0, err)
        code, _, err = self.run_pace(*words, self.folder / "whole")
        self.assertEqual(code, 0, err)
        self.assertEqual(trainer_state(self.out), trainer_state(self.folder / "whole"))


class Watched(Case):
    """What others can look at while a run goes on."""

    def test_curves_are_there_during_the_run_and_after_a_kill(self):
        words = ["--lr", "auto", "--steps", "6000", "--logging-steps", "1", "--save-steps", "20"]
        process = self.start(self.words(*words))
        self.until_step(process, 1500)
        during = steps_of_state(self.out, "loss"), steps_of_events(self.out, b"train/loss")
        process.kill()
        process.communicate()
        for n_done, steps in ((100, during[0]), (1000, during[1]),
                              (100, steps_of_state(self.out, "loss")),
                              (1000, steps_of_events(self.out, b"train/loss"))):
            self.assertGreater(len(steps), n_done)
            self.assertEqual(steps, list(range(1, len(steps) + 1)))
        self.assertEqual(steps_of_state(self.out, "eval_loss")[0], 0)
        self.assertEqual(steps_of_events(self.out, b"eval/loss")[0], 0)

    def test_the_steps_of_the_search_are_the_run_s(self):
        once = ["--batch", "2", "--eval-split", "8"]  # rows that come again end in a run that starts over
        code, _, err = self.run_pace(*self.words("--lr", "auto", "--steps", "200", "--logging-steps", "1", *once))
        self.assertEqual(code, 0, err)
        lines = [json.loads(line) for line in (self.out / "journal.jsonl").read_text().splitlines()]
        (search,) = [line for line in lines if line["record"] == "search"]
        (options,) = [line for line in lines if line["record"] == "options"]
        self.assertGreaterEqual(search["arm"], 0)
        self.assertGreater(options["first_step"], 0)
        self.assertEqual([line["step"] for line in lines if line["record"] == "step"], list(range(200)))
        self.assertEqual(steps_of_state(self.out, "loss"), list(range(1, 201)))
        self.assertEqual(steps_of_events(self.out, b"train/loss"), list(range(1, 201)))
        self.assertEqual(steps_of_state(self.out, "eval_loss")[0], 0)
        state = json.loads((self.out / "trainer_state.json").read_text())
        losses = [line["loss"] for line in lines if line["record"] == "step"]
        self.assertEqual([line["loss"] for line in state["log_history"] if "loss" in line], losses)
        self.assertAlmostEqual(state["log_history"][-1]["train_loss"], sum(losses) / 200, 9)

    def test_an_earlier_run_s_curves_are_gone_when_the_new_one_begins(self):
        code, _, err = self.run_pace(*self.words("--steps", "30"))
        self.assertEqual(code, 0, err)
        old = [p.name for p in (self.out / "tensorboard").iterdir()]
        time.sleep(1.1)  # files are named after the second
        process = self.start(self.words("--steps", "100000", "--overwrite-output-dir", "--logging-steps", "1"))
        self.until_step(process, 1)
        self.assertEqual(len(list((self.out / "tensorboard").iterdir())), 1)
        self.assertNotEqual([p.name for p in (self.out / "tensorboard").iterdir()], old)
        self.assertNotIn(30, steps_of_state(self.out, "train_loss"))
        process.kill()
        process.communicate()


class Refused(Case):
    def refused(self, code, message, *words):
        found, out, err = self.run_pace(*words)
        self.assertEqual((found, out), (code, ""), err)
        self.assertIn(message, " ".join(err.split()))
        return err

    def half(self):
        process = self.start(self.words("--steps", "100000"))
        self.until_step(process, 1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    def test_without_a_checkpoint(self):
        self.refused(3, "there is no such folder", "tune", "--resume", self.out)
        self.out.mkdir()
        err = self.refused(3, "there is no checkpoint to go on from", "tune", "--resume", self.out)
        self.assertIn("--overwrite-output-dir", err)

    def test_an_older_run_s_checkpoint_is_not_taken_for_the_new_one_s(self):
        self.half()
        process = self.start(self.words("--steps", "100000", "--seed", "7", "--overwrite-output-dir"))
        self.until_step(process, 1)
        process.kill()
        process.communicate()
        origin = tiny.read_safetensors(self.out / "checkpoint/state.safetensors")["origin"][1]
        self.assertEqual(json.loads(origin)["options"]["given"]["seed"], 7)

    def test_a_finished_run_says_so(self):
        code, _, err = self.run_pace(*self.words("--steps", "5"))
        self.assertEqual(code, 0, err)
        code, out, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("this run is finished at step 5: all steps are made", out)
        (self.out / "README.md").rename(self.out / "README.md.tmp-1")  # as after a kill at the very end
        self.assertEqual(self.run_pace("tune", "--resume", self.out)[0], 0)
        self.assertTrue((self.out / "README.md").exists())
        self.assertFalse((self.out / "README.md.tmp-1").exists())
        report = json.loads(self.run_pace("tune", "--resume", self.out, "--json")[1])
        self.assertEqual((report["output"], report["status"], report["steps"]), (str(self.out), "done", 5))

    def test_a_run_that_broke_says_so(self):
        code, _, err = self.run_pace(*self.words("--steps", "5", "--lr", "1e30", "--guard", "off"))
        self.assertEqual(code, 6, err)
        code, out, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("not finite", out)

    def test_inputs_that_changed_are_named(self):
        self.half()
        with open(self.data, "a") as f:
            f.write('{"prompt": "a", "completion": "b"}\n')
        self.refused(3, f"{self.data}: it has changed since the run began", "tune", "--resume", self.out)
        pathlib.Path(self.data).unlink()
        self.refused(3, self.data, "tune", "--resume", self.out)

    def test_what_belongs_to_the_run_cannot_be_given_anew(self):
        self.half()
        resume = ["tune", "--resume", self.out]
        self.refused(2, "--seed cannot be given with --resume", *resume, "--seed", "1")
        self.refused(2, "--resume needs no model and no data", *resume, self.model)
        self.refused(2, "--output-dir cannot be given", *resume, "-o", "x")

    def test_a_damaged_checkpoint_is_refused(self):
        self.half()
        path = self.out / "checkpoint/state.safetensors"
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
        self.refused(3, "the checkpoint is damaged", "tune", "--resume", self.out)
        path.write_bytes(data[:len(data) // 2])
        self.refused(3, "the checkpoint is damaged", "tune", "--resume", self.out)


class Held(Case):
    """Two processes never write one run."""

    def refused(self, holder, *words):
        code, out, err = self.run_pace(*words)
        self.assertEqual((code, out), (3, ""), err)
        self.assertIn(f"process {holder.pid} is writing here", err)
        self.assertIn(f"kill {holder.pid}", err)

    def test_a_run_that_is_written_is_left_alone(self):
        first = self.start(self.words("--steps", "100000"))
        self.until_step(first, 1)
        self.refused(first, "tune", "--resume", self.out)
        self.refused(first, *self.words("--steps", "3", "--overwrite-output-dir"))
        self.refused(first, "pretrain", self.model, self.data, "--steps", "3", "-o", self.out,
                     "--overwrite-output-dir")
        first.kill()
        first.communicate()
        second = self.start(["tune", "--resume", self.out])
        while b"step" not in second.stderr.readline():
            pass
        self.refused(second, "tune", "--resume", self.out)
        second.kill()
        second.communicate()
        code, _, err = self.run_pace(*self.words("--steps", "3", "--overwrite-output-dir"))
        self.assertEqual(code, 0, err)


class NoRoom(Case):
    def limit(self, n_bytes):
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    def test_a_checkpoint_that_cannot_be_saved_is_a_warning(self):
        wanted, _ = self.whole("--steps", "40", "--save-steps", "3")
        room = (wanted / "report.html").stat().st_size + 20000  # the largest of a result
        code, _, err = self.run_pace(*self.words("--steps", "40", "--save-steps", "3"), preexec_fn=self.limit(room))
        self.assertEqual(code, 0, err)
        self.assertEqual(err.count("no checkpoint could be saved: cannot write: File too large"), 1)
        self.assert_same(self.out, wanted)

    def test_a_result_that_cannot_be_saved_is_kept_in_the_checkpoint(self):
        wanted, _ = self.whole("--steps", "40")
        self.out.mkdir()
        (self.out / "adapter").write_text("in the way")
        code, out, err = self.run_pace(*self.words("--steps", "40", "--overwrite-output-dir"))
        self.assertEqual((code, out), (3, ""), err)
        self.assertIn(f"hint: what was trained is kept; pace tune --resume {self.out} saves it", err)
        (self.out / "adapter").unlink()
        code, _, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual(code, 0, err)
        self.assert_same(self.out, wanted)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_a_folder_that_becomes_read_only_keeps_what_was_saved(self):
        wanted, _ = self.whole("--steps", "3000", "--save-steps", "100", "--guard", "off")
        self.folder.chmod(0o777)
        self.out.mkdir()
        os.chown(self.out, 65534, 65534)
        process = self.start(self.words("--steps", "3000", "--save-steps", "100", "--guard", "off"),
                             preexec_fn=lambda: os.setuid(65534))
        self.until_step(process, 1)
        for path in (self.out, self.out / "checkpoint"):
            path.chmod(0o555)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (3, b""), err)
        self.assertIn(b"no checkpoint could be saved: cannot write: Permission denied; the run goes on, and the one "
                      b"of step ", err)
        for path in (self.out, self.out / "checkpoint"):
            path.chmod(0o755)
        code, _, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual(code, 0, err)
        self.assert_same(self.out, wanted)

    def disk(self, n_bytes):
        """A file system of that size, where the result is to go."""
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(disk)],
                          capture_output=True).returncode != 0:
            self.skipTest("nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", str(disk)], check=True)
        self.out = disk / "out"
        return disk

    def fill(self, disk):
        with open(disk / "fill", "wb", buffering=0) as file, self.assertRaises(OSError):
            while True:
                file.write(bytes(4096))

    def test_a_run_that_the_disk_cannot_take_is_refused_before_work_starts(self):
        disk = self.disk(300_000)
        code, out, err = self.run_pace(*self.words("--steps", "3"))
        self.assertEqual((code, out), (4, ""), err)
        self.assertIn(f"pace: {self.out}: the disk has room for 0.3 MB, and the run is to write ", err)
        self.assertIn("  hint: free some space there, or name a folder on another disk with -o\n", err)
        self.assertEqual(list(disk.iterdir()), [])

    def test_a_disk_that_fills_later_costs_what_was_not_saved_before(self):
        wanted, _ = self.whole("--steps", "1500", "--save-steps", "50", "--guard", "off")
        disk = self.disk(16_000_000)
        process = self.start(self.words("--steps", "1500", "--save-steps", "50", "--guard", "off"))
        self.until_step(process, 75)
        self.fill(disk)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (3, b""), err)
        self.assertIn(b"no checkpoint could be saved: cannot write: No space left on device", err)
        self.assertRegex(err, rb"\n  hint: the state of step \d+ of 1500 is kept; pace tune --resume \S+ goes on from there\n")
        self.assertFalse((self.out / "adapter").exists())
        code, _, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual(code, 4, err)
        (disk / "fill").unlink()
        code, _, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual(code, 0, err)
        self.assert_same(self.out, wanted)

    def test_an_unwritable_folder_is_named_at_once(self):
        self.out.write_text("a file")
        code, _, err = self.run_pace(*self.words("--steps", "3"))
        self.assertEqual(code, 3)
        self.assertIn(str(self.out), err)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
