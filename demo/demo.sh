#!/bin/sh
# demo.sh PROGRAM: what pace does today, on the files of this folder.
set -eu
pace=$1
here=$(dirname "$0")

show() {
    printf '\n$ pace'
    printf ' %s' "$@"
    printf '\n'
    "$pace" "$@"
}

show data "$here/tickets.jsonl" --model "$here/model"
printf '\n$ head -1 %s/tickets.jsonl | pace tokenize --model %s/model --chat\n' "$here" "$here"
echo 'id    trained on    token'
head -1 "$here/tickets.jsonl" | "$pace" tokenize --model "$here/model" --chat
show find "$here/model" "$here/tickets.jsonl" --prior-only
show schedule cosine --lr 2e-4 --steps 1000 --warmup-steps 100 --plot
show doctor "$here/trainer_state.json"
show explain "$here/../test/sim/replay/rate_x10.jsonl"
show selftest
