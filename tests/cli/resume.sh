#!/usr/bin/env bash
# Training that is killed at random moments and resumed ends bit for bit where an uninterrupted run ends, on any number
# of threads. A kill never leaves half a model.
. "$(dirname "$0")/common.sh"

"$backbone_tool" backbone
pictures data --count 24 --splits train,val --seed 4
settings=(data --backbone backbone --epochs 40 --batch-size 8 --fine-tune last:60% --fine-tune-epochs 15
    --augment flip --early-stopping 0)

same() { # same DIR: saved_model.pb and variables equal to those of the reference
    check "$1: saved_model.pb" cmp reference/saved_model.pb "$1/saved_model.pb"
    for file in variables.index variables.data-00000-of-00001; do
        check "$1: $file" cmp "reference/variables/$file" "$1/variables/$file"
    done
}

started=$(date +%s%N)
expect 0 train "${settings[@]}" --out reference --threads 2
took=$((($(date +%s%N) - started) / 1000000))
expect 0 train "${settings[@]}" --out single --threads 1
same single

# One model is killed 20 times, each time somewhere within the first 1.2 runs' worth of its remaining work.
kills=0
complete=0
RANDOM=${GRAFT_SEED:-11}
for round in $(seq 1 20); do
    out=killed-$((round % 4)) # several models, so that early and late moments are both met
    "$GRAFT" train "${settings[@]}" --out "$out" --resume --threads $((round % 2 + 1)) >killed.log 2>&1 </dev/null &
    pid=$!
    delay=$((RANDOM * took * 7 / 10 / 32768 + 5))
    sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
    if kill -9 $pid 2>/dev/null; then kills=$((kills + 1)); fi
    wait $pid 2>/dev/null || true
    if [ -e "$out" ]; then
        same "$out"
        rm -rf "$out" "$out.ckpt"
        complete=$((complete + 1))
    fi
done
for i in 0 1 2 3; do
    expect 0 train "${settings[@]}" --out "killed-$i" --resume
    same "killed-$i"
    check "no checkpoint is left" [ ! -e "killed-$i.ckpt" ]
done
check "most rounds were really killed" [ "$kills" -ge 8 ]
echo "resume: $kills kills, $complete runs ended before theirs, one run takes $took ms"

# Killed in a later epoch of a known place: there is a checkpoint, and other settings are refused.
"$GRAFT" train "${settings[@]}" --out late >killed.log 2>&1 </dev/null &
pid=$!
for _ in $(seq 1 400); do
    [ -e late.ckpt/state.json ] && break
    sleep 0.02
done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
if [ -e late.ckpt/state.json ]; then
    cp late.ckpt/state.json out
    json 'j["total_epochs"] >= 1 and "settings" in j and j["checkpoint"].startswith("epoch-")'
    refused 1 'other settings' train "${settings[@]}" --out late --resume --lr 0.5
    check "the refused checkpoint is still there" [ -e late.ckpt/state.json ]
    cp -r late.ckpt damaged.ckpt
    for file in damaged.ckpt/*.data-00000-of-00001; do truncate -s 100 "$file"; done
    refused 1 'damaged' train "${settings[@]}" --out damaged --resume
    cp -r late.ckpt nojson.ckpt
    echo '{' >nojson.ckpt/state.json
    refused 1 'nojson' train "${settings[@]}" --out nojson --resume
else
    fail "no checkpoint within 8 seconds"
fi

# Interrupted politely: exit code 1, a sentence, and the checkpoint for --resume.
"$GRAFT" train "${settings[@]}" --epochs 2000 --out polite >polite.log 2>&1 </dev/null &
pid=$!
for _ in $(seq 1 400); do
    [ -e polite.ckpt/state.json ] && break
    sleep 0.02
done
kill -TERM $pid
code=0
wait $pid || code=$?
check "a terminated run ends with 1 or the signal" [ "$code" -eq 1 -o "$code" -eq 143 ]
check "and keeps its checkpoint" [ -e polite.ckpt/state.json ]
finish
