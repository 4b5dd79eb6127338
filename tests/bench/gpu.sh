#!/usr/bin/env bash
# All that needs a GPU, in one go of under ten minutes: the recipes of training.py side by side, the T5 in bf16 and fp32
# (t5.py), and notebooks with the profile full. Real data are where COURSE_DATA says; models are those that are on
# this machine, nothing is downloaded. Without a GPU it says so and ends with 0.
#
#     COURSE_DATA=data bash tests/bench/gpu.sh runs/gpu                  # every unit in English
#     COURSE_DATA=data bash tests/bench/gpu.sh runs/gpu ner-ru ner-es    # these notebooks
#
# The folder gets training.json and t5.json, with the card's name and the peak of its memory by training; for each
# notebook a folder with results.json, which tests/bench/results.py puts into README; memory.csv, what the card holds,
# every second; steps.txt and logs. Notebooks run three at a time, so their seconds are upper bounds. What did not end
# in its time is named; then, and where something failed, the exit status is 1. PYTHON is another Python than make's.
set -euo pipefail

limit=570         # seconds for everything
for_training=240  # seconds at most of these, so that the notebooks come as well
for_t5=120
rows=4000         # of each training in training.py
at_once=3         # notebooks

root=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${1:-}" = --help ]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
    exit 0
fi
python=${PYTHON:-$root/.venv/bin/python}
if ! command -v "$python" > /dev/null; then
    echo "There is no $python: run make build, or name a Python by PYTHON=…" >&2
    exit 2
fi
if [ "$("$python" -c 'import torch; print(torch.cuda.is_available())')" != True ]; then
    echo 'torch finds no GPU here: nothing was measured.'
    exit 0
fi
if [ $# = 0 ] || [ ! -d "${COURSE_DATA:-}" ]; then
    echo 'usage: COURSE_DATA=FOLDER bash tests/bench/gpu.sh FOLDER [UNIT-LANGUAGE…]' >&2
    exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
notebooks=("$@")
if [ $# = 0 ]; then
    for folder in "$root"/source/*-en; do notebooks+=("${folder##*/}"); done
fi
COURSE_DATA=$(cd "$COURSE_DATA" && pwd)
export COURSE_DATA PYTHONPATH="$root" HF_HUB_OFFLINE=1
export CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES:-0}"  # with several cards Trainer would spread over all

step() {  # step NAME SECONDS COMMAND…: runs it for so long, or for what is left of all; writes how it ended
    local name=$1 seconds=$(($2 < limit - SECONDS ? $2 : limit - SECONDS)) began=$SECONDS status=0
    shift 2
    if [ "$seconds" -lt 1 ]; then
        echo "$name: not begun, the time is over" | tee -a "$out/steps.txt"
        return
    fi
    # An interrupt lets papermill end its kernel.
    timeout --signal=INT --kill-after=10 "$seconds" "$@" > "$out/$name.log" 2>&1 || status=$?
    case $status in
        0) echo "$name: $((SECONDS - began)) s" ;;
        124 | 137) echo "$name: not finished in $seconds s" ;;
        *) echo "$name: failed, see $out/$name.log" ;;
    esac | tee -a "$out/steps.txt"
}

notebook() {  # notebook UNIT-LANGUAGE: with the model of this language that is on this machine
    local unit=${1%-*} language=${1##*-} model=(-p checkpoint all-MiniLM-L6-v2)
    if [ "$language" != en ]; then model=(-p checkpoint multilingual-e5-small); fi
    if [ "$unit" = toxicity ]; then model=(-p checkpoint t5-tiny); fi
    if [ "$unit" = transformer ]; then model=(); fi
    step "$1" "$limit" "$python" -m course.cli run "$unit" --lang "$language" --profile full "${model[@]}" --out "$out"
}

: > "$out/steps.txt"
if command -v nvidia-smi > /dev/null; then
    nvidia-smi -i "$CUDA_VISIBLE_DEVICES" --query-gpu=timestamp,name,memory.used --format=csv,nounits -l 1 \
        > "$out/memory.csv" &
    watcher=$!
    trap 'kill "$watcher"' EXIT
    disown  # it is none of the jobs that are counted below
fi
bench=$root/tests/bench
step training "$for_training" "$python" "$bench/training.py" --seeds 1 --rows "$rows" --json "$out/training.json"
step t5 "$for_t5" "$python" "$bench/t5.py" --json "$out/t5.json"
for name in "${notebooks[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n || true; done
    notebook "$name" &
done
wait
if [ -f "$out/memory.csv" ]; then
    awk -F', ' 'NR > 1 && $3 > most { most = $3; card = $2 } END { print card ": at most " most " MiB" }' \
        "$out/memory.csv"
fi
! grep -qE ': (not|failed)' "$out/steps.txt"
