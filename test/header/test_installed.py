"""What `meson install` leaves is enough for the author of another trainer: header, library and
pkg-config file; the example is compiled against them alone and run, as C and as C++.

    test_installed.py BUILD COMPILER [C++ COMPILER]
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77  # meson's exit code for it


def run(*words, **environment):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, timeout=120,
                          env={**os.environ, **environment}).stdout.decode()


def main(build, *compilers):
    if not shutil.which("pkg-config"):
        print("pkg-config is not installed")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        run("meson", "install", "-C", build, "--no-rebuild", DESTDIR=folder)
        (description,) = place.rglob("pace_rate.pc")
        flags = run("pkg-config", "--cflags", "--libs", "pace_rate",
                    PKG_CONFIG_PATH=str(description.parent), PKG_CONFIG_SYSROOT_DIR=folder).split()
        for compiler in compilers:
            language = "c++" if compiler != compilers[0] else "c"
            program = place / f"loop_{language}"
            run(compiler, "-x", language, str(ROOT / "example/toy_loop.c"), "-x", "none", *flags,
                "-o", str(program))
            print(run(str(program)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
