"""The README's tour: every command in it prints what stands below it.

    test_readme.py PROGRAM             compares
    test_readme.py PROGRAM --write     puts what the program prints into README.md

A block that begins with "$ pace" or a pipe into it holds commands and their output. A line "..." ends
what is compared: the output may go on. Commands run in the root of the tree, 80 columns wide.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
REST = "..."

# A file that the tour names and the tree does not hold: its first lines suffice.
NAMED = {"sst2_dev.tsv": "sentence\tlabel\nit 's a charming journey .\t1\n"}


def blocks(text):
    return [m for m in re.finditer(r"(?ms)^```\w*\n(.*?)^```$", text) if m[0].startswith("```\n$ ")]


def commands(block):
    """Pairs of command and lines of output; a command goes on behind a pipe at a line's end."""
    for part in re.split(r"(?m)^\$ ", block)[1:]:
        lines = part.splitlines()
        end = 1
        while lines[end - 1].endswith("|"):
            end += 1
        yield "\n".join(lines[:end]), lines[end:]


def output(command, folder):
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, cwd=folder,
                          env={**os.environ, "PATH": path, "COLUMNS": "80", "LC_ALL": "C.UTF-8"})
    return (done.stdout + done.stderr).decode().splitlines()


def folder_of_the_tour():
    folder = tempfile.TemporaryDirectory()
    place = pathlib.Path(folder.name)
    (place / "pace").symlink_to(pathlib.Path(PROGRAM).resolve())
    for name in ("demo", "test"):
        (place / name).symlink_to(ROOT / name)
    for name, content in NAMED.items():
        (place / name).write_text(content)
    return folder


def real(command, shown, folder):
    """What should stand there; as much of it as is shown now where that ends with "..."."""
    lines = output(command, folder)
    if shown and shown[-1] == REST:
        return lines[:len(shown) - 1] + [REST]
    return lines


class Tour(unittest.TestCase):
    maxDiff = None

    def test_every_command_prints_what_is_shown(self):
        text = README.read_text()
        self.assertGreater(len(blocks(text)), 5)
        with folder_of_the_tour() as folder:
            for block in blocks(text):
                for command, shown in commands(block[1]):
                    with self.subTest(command):
                        self.assertEqual(shown, real(command, shown, folder),
                                         "python3 test/cli/test_readme.py build/pace --write")


def write():
    text = README.read_text()
    with folder_of_the_tour() as folder:
        for block in reversed(blocks(text)):
            lines = []
            for command, shown in commands(block[1]):
                lines += [f"$ {command}", *real(command, shown, folder)]
            text = text[:block.start(1)] + "\n".join(lines) + "\n" + text[block.end(1):]
    README.write_text(text)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        unittest.main()
