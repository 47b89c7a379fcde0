#!/bin/sh
# demo.sh PROGRAM: the main job on the files of this folder, in a few minutes: a model that knows a
# small world learns to write tickets, with nothing given. What it leaves lies beside PROGRAM, in
# demo/.
set -eu
pace=$1
here=$(dirname "$0")
out=$(dirname "$pace")/demo
complaints="Good evening, my violin has a crack. Is there a way to mend it?
Hello, my lamp never came. When will it be here?
My umbrella was charged twice! Whom can I ask?"
questions="Where does Mira live?
On which river does Mira live?
How many days has April?
How many minutes are 3 hours?"

say() { printf '\n%s\n' "$*"; }

name() {
    printf '\n$ pace'
    for word in "$@"; do
        case $word in *' '*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
}

show() {
    name "$@"
    "$pace" "$@"
}

# ask LINES chat MODEL ...: each line a conversation of its own.
ask() {
    lines=$1
    shift
    name "$@"
    printf '%s\n' "$lines" | while IFS= read -r line; do
        printf '> %s\n' "$line"
        printf '%s\n' "$line" | "$pace" "$@"
    done
}

mkdir -p "$out"
say "A model of 2.8 million parameters that pace trained from nothing knows a small world:"
ask "$questions
Tell me a story about Mira and Nils." chat "$here/model" --temperature 0
say "Of support messages and the tickets they should become it has never read:"
show data "$here/tickets.jsonl" --model "$here/model" --show 2
ask "$complaints" chat "$here/model" --temperature 0 --system "Turn the message into a ticket."
say "It learns them. Nothing is given, neither a learning rate nor anything else:"
show tune "$here/model" "$here/tickets.jsonl" -o "$out/tickets" --overwrite-output-dir
ask "$complaints" chat "$here/model" --adapter "$out/tickets/adapter" --temperature 0 --system "Turn the message into a ticket."
ask "$questions" chat "$here/model" --adapter "$out/tickets/adapter" --temperature 0
say "What it still knows of the world, as loss and as answers said word for word, by the base and now (a star: of this
kind there were rows among the tickets):"
python3 "$here/slices.py" "$pace" "$here/model" "$out/tickets/adapter" "$out/slices"
show explain "$out/tickets"
say "The report, to look at: $out/tickets/report.html"
