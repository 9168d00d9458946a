#!/usr/bin/env bash
# One trained model through every format and back: the same scores, the same bytes twice, bad files told apart.
. "$(dirname "$0")/common.sh"

"$backbone_tool" backbone
pictures data --splits train,test --count 8
expect 0 train data --backbone backbone --out model --epochs 6 --lr 3e-3
picture=data/test/spot/000.png
expect 0 predict model "$picture" --json
cp out scores.json

same_scores() { # same_scores MODEL: the class of the picture and its score are the model's
    expect 0 predict "$1" "$picture" --json
    json "abs(j[0]['predictions'][0]['score'] - $(python3 -c '
import json; print(json.load(open("scores.json"))[0]["predictions"][0]["score"])')) < 1e-5"
    json "j[0]['predictions'][0]['label'] == '$(python3 -c '
import json; print(json.load(open("scores.json"))[0]["predictions"][0]["label"])')'"
}

# ---- every format, twice, and back to a SavedModel ----

for out in copy net.keras net.h5 net.tflite js; do
    flags=()
    [ "$out" = js ] && flags=(--format tfjs)
    expect 0 convert model "$out" "${flags[@]}"
    expect 0 convert model "again-$out" "${flags[@]}"
    check "the same bytes twice: $out" diff -r "$out" "again-$out"
    same_scores "$out"
    expect 0 diff model "$out" --input "$picture" --json
    json 'j["equal"] and any(v["output"] for v in j["values"])'
    expect 0 convert "$out" "back-$out" --format savedmodel
    same_scores "back-$out"
    expect 0 summary "$out" --ops
    refused 1 'exists' convert model "$out" "${flags[@]}"
    expect 0 convert model "$out" --overwrite "${flags[@]}"
done
expect 0 convert model js/model.json --overwrite
same_scores js/model.json
for format in tflite-f16 tflite-dynamic; do
    expect 0 export model "$format.tflite" --format "$format" --json
    json "j['format'] == '$format'"
    expect 0 predict "$format.tflite" "$picture"
    check "$format is smaller" [ "$(stat -c %s "$format.tflite")" -lt "$(stat -c %s net.tflite)" ]
done

# ---- weights alone ----

expect 0 train data --backbone backbone --out other --epochs 1 --seed 9
expect 1 diff model other --input "$picture" --outputs
says '^! probabilities'
says 'differ; the first is'
expect 0 convert model net.weights.h5
expect 0 convert other loaded --weights net.weights.h5
expect 0 diff model loaded --input "$picture"
says 'equal within the tolerance'
expect 0 convert other loaded-h5 --weights net.h5
same_scores loaded-h5
expect 0 convert other loaded-name --weights net.h5 --by-name
same_scores loaded-name

# ---- what cannot be ----

refused 2 'tells no format' convert model net.foo
refused 2 "no format 'tflit'" export model out.x --format tflit
refused 1 'written' convert model net.pb
refused 1 'directory' convert model data --format tflite
refused 1 'nowhere' convert ./nowhere out.keras
refused 1 'nowhere' convert model out.keras --weights nowhere.h5
refused 1 'weights' summary net.weights.h5
for file in net.keras net.h5 net.tflite js/model.json; do
    name=cut-${file##*/}
    head -c 300 "$file" >"$name"
    refused 1 "$name" predict "$name" "$picture"
    echo 'not a model' >"text.${file##*.}"
    refused 1 "text.${file##*.}" predict "text.${file##*.}" "$picture"
done
mkdir lost && cp js/model.json lost/
refused 1 'shard' predict lost "$picture"
for out in no.keras no.h5 no.tflite nodir; do
    check "nothing left of what failed: $out" [ ! -e "$out" ]
done
check "no temporary files" [ -z "$(find . -name '*.partial*' -o -name '*.tmp*')" ]
finish
