#!/bin/sh
# demo.sh PROGRAM: the main job on the files of this folder, in a few minutes: a model that knows a
# small world learns to write tickets, with nothing given. What it leaves lies beside PROGRAM, in
# demo/.
set -eu
pace=$1
here=$(dirname "$0")
out=$(dirname "$pace")/demo
asked="Good evening, my violin has a crack. Is there a way to mend it?"

say() { printf '\n%s\n' "$*"; }

show() {
    printf '\n$ pace'
    for word in "$@"; do
        case $word in *' '*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$pace" "$@"
}

mkdir -p "$out"
say "A model of 2.8 million parameters that pace trained from nothing knows a small world:"
printf '%s\n' "Where does Mira live?" "On which river does Mira live?" "How many days has April?" "How many minutes are 3 hours?" \
    "Tell me a story about Mira and Nils." |
    show chat "$here/model" --temperature 0
say "Of support messages and the tickets they should become it has never read:"
show data "$here/tickets.jsonl" --model "$here/model" --show 1
printf '%s\n' "$asked" |
    show chat "$here/model" --temperature 0 --system "Turn the message into a ticket."
say "It learns them. Nothing is given, neither a learning rate nor anything else:"
show tune "$here/model" "$here/tickets.jsonl" -o "$out/tickets" --overwrite-output-dir
printf '%s\n' "$asked" |
    show chat "$here/model" --adapter "$out/tickets/adapter" --temperature 0 --system "Turn the message into a ticket."
say "What it still knows of the world, as loss and as answers said word for word, by the base and now:"
python3 "$here/slices.py" "$pace" "$here/model" "$out/tickets/adapter" "$out/slices"
show explain "$out/tickets"
say "The report, to look at: $out/tickets/report.html"
