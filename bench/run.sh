#!/bin/sh
# run.sh: every benchmark against Python's libraries, in the virtual environment of tool/oracle.sh.
#
#     bench/run.sh [NAME ...]     NAME: tokenize, data ...; all of them where none is given
set -eu
cd "$(dirname "$0")/.."
python=$(tool/oracle.sh)
export PACE="$PWD/build/pace" PACE_BUILD="$PWD/build"
[ $# -gt 0 ] || set -- $(ls bench/*.py | sed 's,.*/,,;s,\.py$,,')
for name in "$@"; do
    echo "== bench/$name.py" >&2
    "$python" "bench/$name.py"
done
