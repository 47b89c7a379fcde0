#!/bin/sh
# make_model.sh PROGRAM [FOLDER]: makes demo/model again, from nothing but world.py and the config.json
# that lies there. FOLDER (beside PROGRAM if absent) gets the text and both runs with their reports;
# what is committed as demo/model is FOLDER/practice/model. Figures of the runs: README.md here.
#
# Two stages: all that is to be known of the world first, with a tokenizer trained on the same text;
# then small sums and texts of words that nobody knows, without which a model of so narrow a world is
# sure of itself where it should not be. Both are pace's own runs; of the second only the rate and its
# warmup are given: two thirds of what the first one found.
set -eu
pace=$1
here=$(dirname "$0")
folder=${2:-$(dirname "$pace")/demo_model}

mkdir -p "$folder"
python3 "$here/world.py" text --bytes 40000000 > "$folder/world.jsonl"
python3 "$here/world.py" text --bytes 20000000 --stage 2 > "$folder/practice.jsonl"
"$pace" pretrain "$here/model/config.json" "$folder/world.jsonl" -o "$folder/world" --max-steps 2800 \
    --batch 32 --max-length 512 --eval-split 200 --test-split 200
"$pace" tune "$folder/world/model" "$folder/practice.jsonl" -o "$folder/practice" --method full \
    --learning-rate 2e-3 --warmup-ratio 0.03 --max-steps 1100 --batch 32 --max-length 512 \
    --eval-split 200 --test-split 200
ls -l "$folder/practice/model"
