#!/usr/bin/env bash
# The whole chain on small pictures: train, eval, predict, export, run, summary, bench, data show; text and JSON.
. "$(dirname "$0")/common.sh"

"$backbone_tool" backbone
pictures data --splits train,test --count 20
expect 0 data show data --json --out grid.png
json '[c["name"] for c in j["classes"]] == ["ok", "scratch", "spot"] and j["train"] == 60 and j["test"] == 30'
check "data show draws a PNG" grep -q PNG grid.png

expect 0 train data --backbone backbone --out planned --plan
says '60 train'
check "--plan makes nothing" [ ! -e planned ]

expect 0 train data --backbone backbone --out model --epochs 25 --lr 3e-3 --fine-tune last:50% \
    --fine-tune-epochs 2 --logdir logs --json
json 'j["out"] == "model" and j["train_top1"] > 0.8 and j["val_top1"] is None'
json 'j["epochs"] == 27 and j["train_images"] == 60'
json 'set("seconds images_per_s peak_rss_mb val_loss".split()) <= set(j)'
for file in saved_model.pb variables/variables.index variables/variables.data-00000-of-00001 assets/labels.txt \
    assets.extra/graft.json; do
    check "train writes $file" [ -s "model/$file" ]
done
check "the checkpoint is gone" [ ! -e model.ckpt ]
check "labels in order" [ "$(tr '\n' ' ' <model/assets/labels.txt)" = "ok scratch spot " ]
check "event files" grep -q epoch_loss logs/train/events.out.tfevents.*
cp model/assets.extra/graft.json out
json 'j["format"] == "graft-model" and j["preprocess"]["height"] == 32 and j["training"]["fine_tune"] == "last:50%"'
json 'j["backbone"]["handle"] == "backbone" and 0.8 < j["accuracy"]["train_top1"] <= 1'

expect 0 eval model data --html report.html
says '^30 pictures: top-1'
check "report" grep -qi '</html>' report.html
check "the report names the classes" grep -q scratch report.html
expect 0 eval model data --json
json 'j["images"] == 30 and j["top1"] > 0.7 and j["top5"] == 1 and j["loss"] > 0 and j["skipped"] == 0'
json 'sum(map(sum, j["confusion"])) == 30 and [sum(r) for r in j["confusion"]] == [c["support"] for c in j["classes"]]'
json 'abs(sum(j["confusion"][i][i] for i in range(3)) / 30 - j["top1"]) < 1e-6'
cp out eval.json
expect 0 eval model data --split train --json
json 'j["images"] == 60'

# A CSV of the same test pictures gives the same figures.
for class in ok scratch spot; do
    for file in data/test/$class/*.png; do echo "$file,$class"; done
done >test.csv
expect 0 eval model test.csv --json
cp out csv.json
check "CSV and folders agree" cmp eval.json csv.json

expect 0 predict model data/test/spot/000.png data/test/ok/001.png --top 2 --json
json '[p["file"] for p in j] == ["data/test/spot/000.png", "data/test/ok/001.png"]'
json 'all(len(p["predictions"]) == 2 and p["predictions"][0]["score"] >= p["predictions"][1]["score"] for p in j)'
json 'all(p["predictions"][0]["label"] == ["ok", "scratch", "spot"][p["predictions"][0]["index"]] for p in j)'
cp out predict.json
expect 0 predict model data/test/spot/000.png
says '^ +[01]\.[0-9]{4}  spot'

# Exported, and run from another folder, it answers the same.
expect 0 export model exported --json
json 'j["out"] == "exported" and j["format"] == "savedmodel"'
mkdir elsewhere
mv exported elsewhere/moved
expect 0 predict elsewhere/moved data/test/spot/000.png data/test/ok/001.png --top 2 --json
cp out moved.json
check "an exported model answers the same" cmp predict.json moved.json
check "export keeps the labels" cmp model/assets/labels.txt elsewhere/moved/assets/labels.txt
check "export keeps the card" cmp model/assets.extra/graft.json elsewhere/moved/assets.extra/graft.json
refused 1 'exist' export model elsewhere/moved
expect 0 export model elsewhere/moved --overwrite

# Arrays: a .npy of 2 pictures by hand, probabilities out.
python3 - <<'PY'
import random, struct
random.seed(3)
n = 2 * 32 * 32 * 3
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 32, 32, 3), }"
head += " " * (63 - (len(head) + 10) % 64) + "\n"
open("in.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() +
                           struct.pack("<%df" % n, *(random.uniform(0, 255) for _ in range(n))))
PY
expect 0 run model --input in.npy --output out.npz --json
json 'j["tensors"][0]["shape"] == [2, 3] and j["tensors"][0]["dtype"] == "float32"'
check "rows add up to one" python3 -c '
import struct, zipfile
z = zipfile.ZipFile("out.npz"); raw = z.read(z.namelist()[0])
v = struct.unpack("<6f", raw[-24:])
assert abs(sum(v[:3]) - 1) < 1e-5 and abs(sum(v[3:]) - 1) < 1e-5 and min(v) >= 0'
expect 0 run model --input in.npy --output one.npz --threads 1
expect 0 run model --input in.npy --output two.npz --threads 2
check "threads change no bit" cmp one.npz two.npz

expect 0 summary model
says 'dense'
expect 0 summary model --json
expect 0 summary model --ops
says 'Conv2D'
expect 0 bench model --runs 3 --warmup 1 --batch 2 --json
json 'j["runs"] == 3 and j["batch"] == 2 and j["threads"] == 1 and 0 < j["min_ms"] <= j["median_ms"] <= j["p99_ms"]'
json 'j["images_per_s"] > 0 and j["load_ms"] > 0 and j["precision"] == "f32" and j["peak_rss_mb"] > 0'
expect 0 bench model --runs 2 --profile
says 'conv2d'
expect 0 bench model --runs 2 --input in.npy --json
# One answer for each block of runs that standard input asks for, behind the line that says it is ready.
check "blocks of runs" sh -c "printf '1 3\n0 2\n' | \"$GRAFT\" bench model --blocks >turns"
check "an answer each" python3 -c "import json
ready, first, second = map(json.loads, open('turns'))
assert ready['load_ms'] > 0 and ready['first_run_ms'] > 0 and [len(b['ms']) for b in (first, second)] == [3, 2]"
check "a block that is none" sh -c "echo soon | \"$GRAFT\" bench model --blocks 2>&1 | grep -q 'WARMUP RUNS'"

# Validation pictures: val_* are numbers; gradual unfreezing needs them.
expect 0 train data --backbone backbone --out small --epochs 6 --validation-split 0.25 --fine-tune gradual:2 \
    --fine-tune-epochs 1 --augment flip --head none --optimizer sgd:momentum=0.9 --lr 0.05 \
    --resize pad --label-smoothing 0.1 --json
json 'j["val_images"] == 15 and j["train_images"] == 45 and 0 <= j["val_top1"] <= 1 and j["val_loss"] > 0'
refused 1 'validation' train data --backbone backbone --out none --fine-tune gradual
refused 1 'exists already' train data --backbone backbone --out small --epochs 1
expect 0 train data --backbone backbone --out small --epochs 1 --overwrite
says 'trained on 60 pictures'

# The same through a handle, with a lock.
handle=test/tiny/feature-vector/1
"$backbone_tool" --hub $handle
expect 0 hub list --json
json 'len(j) == 1 and j[0]["handle"] == "test/tiny/feature-vector/1" and len(j[0]["sha256"]) == 64'
expect 0 hub show $handle --json
json 'j["parameters"] > 0 and j["license"] == "none"'
expect 0 hub verify --json
json 'j == {"verified": 1, "ok": True}'
expect 0 hub lock $handle
expect 0 hub lock $handle # again: nothing to do
expect 0 train data --backbone $handle --out handled --epochs 2 --json
cp handled/assets.extra/graft.json out
json 'j["backbone"]["handle"] == "test/tiny/feature-vector/1" and len(j["backbone"]["sha256"]) == 64'
finish
