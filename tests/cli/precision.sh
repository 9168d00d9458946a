#!/usr/bin/env bash
# --precision: f32, bf16 and f16 where it is an option, named in JSON; anything else is refused with a hint.
. "$(dirname "$0")/common.sh"

"$backbone_tool" backbone
pictures data --splits train,test --count 6
refused 2 "unknown 'f8'.*did you mean 'f16'" bench backbone --precision f8
refused 2 "unknown 'b16'.*did you mean 'bf16'" bench backbone --precision b16
refused 2 "expected f32, bf16 or f16" bench backbone --precision double
for verb in "eval backbone data" "predict backbone data/test/ok/000.png" "train data --backbone backbone --out none"; do
    # shellcheck disable=SC2086 # words are wanted
    refused 2 "unknown 'f8'" $verb --precision f8
done
check "nothing is made of a refused precision" [ ! -e none ]

for precision in f32 bf16 f16; do
    expect 0 bench backbone --runs 2 --warmup 1 --precision "$precision" --json
    json "j['precision'] == '$precision' and j['min_ms'] > 0"
    expect 0 train data --backbone backbone --out "model-$precision" --epochs 3 --precision "$precision" --json
    json "j['epochs'] == 3 and 0 <= j['train_top1'] <= 1"
    expect 0 eval "model-$precision" data --precision "$precision" --json
    json "j['images'] == 9"
    expect 0 predict "model-f32" data/test/spot/000.png --precision "$precision" --json
    cp out "answer-$precision"
done
expect 0 bench backbone --runs 2 --warmup 1 --json
json "j['precision'] == 'f32'"
check "16 bits change the numbers a little" python3 - <<'END'
import json
scores = [json.dumps(json.load(open(f"answer-{p}"))) for p in ("f32", "bf16", "f16")]
assert len(set(scores)) == 3, scores
END
finish
