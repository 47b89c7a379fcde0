#!/bin/sh
# demo.sh PROGRAM: the main job on the files of this folder, in a few minutes: a base is trained on
# text about a small world, then tuned, with nothing given, to write tickets. What it leaves lies
# beside PROGRAM, in demo/.
set -eu
pace=$1
here=$(dirname "$0")
out=$(dirname "$pace")/demo

show() {
    printf '\n$ pace'
    printf ' %s' "$@"
    printf '\n'
    "$pace" "$@"
}

mkdir -p "$out"
show data "$here/tickets.jsonl" --model "$here/model"
python3 "$here/world.py" text --bytes 3000000 > "$out/world.jsonl"
show pretrain "$here/model" "$out/world.jsonl" -o "$out/base" --overwrite-output-dir --max-steps 150
show tune "$out/base/model" "$here/tickets.jsonl" -o "$out/tickets" --overwrite-output-dir
show explain "$out/tickets"
show schedule linear --lr 2e-3 --steps 144 --warmup-steps 5 --plot
show doctor "$here/trainer_state.json"
printf '\nThe report, to look at: %s\n' "$out/tickets/report.html"
