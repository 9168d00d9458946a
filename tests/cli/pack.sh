#!/usr/bin/env bash
# data pack: TFRecord files from folders and CSV files, plain and compressed; what is trained and evaluated on them
# equals what comes of the folder, byte for byte. graft run on sound.
. "$(dirname "$0")/common.sh"

"$backbone_tool" backbone
pictures data --splits train,test --count 12

expect 0 data pack data packed/p.tfrecord --shards 3 --json
json 'j == {"out": "packed/p.tfrecord", "pictures": 54, "broken": 0, "files": 6}'
for file in p-train-00000-of-00003 p-train-00002-of-00003 p-test-00001-of-00003; do
    check "data pack writes $file" [ -s "packed/$file.tfrecord" ]
done
check "labels in order" [ "$(tr '\n' ' ' <packed/p.labels.txt)" = "ok scratch spot " ]
expect 0 data show packed
cp out shown
expect 0 data show data
check "the same classes and counts" diff shown out
expect 0 data show packed --out grid.png --json
json 'j["train"] == 36 and j["test"] == 18'
check "records are drawn" grep -q PNG grid.png

refused 1 'p-train-00000-of-00003.tfrecord: exists already' data pack data packed/p.tfrecord --shards 3
cp -r packed before
expect 0 data pack data packed/p.tfrecord --shards 3 --threads 1 --overwrite
check "the same pictures give the same bytes" diff -r before packed
expect 0 data pack data zipped/p.tfrecord --compress gzip
says '^zipped/p.tfrecord: 54 pictures in 2 files'
check "gzip's first bytes" [ "$(od -An -tx1 -N2 zipped/p-train.tfrecord | tr -d ' ')" = 1f8b ]
gzip -dc <zipped/p-train.tfrecord >unzipped
cat packed/p-train-*.tfrecord | cmp - unzipped || fail "compressed and plain records differ"
checks=$((checks + 1))

settings=(--backbone backbone --epochs 2 --augment basic --fine-tune last:50% --fine-tune-epochs 1 --seed 3)
expect 0 train data --out model "${settings[@]}"
expect 0 train packed --out model-packed "${settings[@]}"
expect 0 train 'zipped/p-*' --out model-zipped "${settings[@]}"
expect 0 train packed/p --out model-prefix "${settings[@]}"
for other in packed zipped prefix; do
    check "training on $other gives the folder's model" diff -r model "model-$other"
done
expect 0 eval model data --json
cp out folder.json
expect 0 eval model zipped --json
check "eval is the same" cmp folder.json out
expect 0 train zipped/p-train.tfrecord --out model-one "${settings[@]}"

# A CSV and a broken picture.
echo 'no picture' >data/train/ok/zz.png
(cd data/train && find . -name '*.png' | sort | sed 's|^\./\(.*\)/\(.*\)|\1/\2,\1|' >list.csv)
expect 0 data pack data/train/list.csv csv.tfrecord
says '36 pictures in 1 file, 1 broken ones? left out'
grep -q 'warning: left out: .*zz.png: not a picture' err || fail "data pack does not name the broken picture"
checks=$((checks + 1))
check "one file without a number" [ -s csv.tfrecord ]
expect 0 data show csv.tfrecord --json
json 'j["train"] == 36 and len(j["classes"]) == 3'

refused 2 "takes none or gzip, not 'zip'" data pack data x.tfrecord --compress zip
refused 2 'expected DATA OUT.tfrecord' data pack data
refused 1 'no such folder or file' data pack nothing x.tfrecord
refused 1 'is a folder' data pack data packed
refused 1 'exists already' data pack data zipped/p.tfrecord
rm packed/p-test-00001-of-00003.tfrecord
refused 1 '2 of its 3 shards are there' eval model packed
printf 'no records at all' >damaged.tfrecord
refused 1 'damaged.tfrecord: record 0' train damaged.tfrecord --backbone backbone --out nothing
check "nothing is left of a refused pack" [ ! -e x.tfrecord ]
check "nothing is left of a refused train" [ ! -e nothing ]

# Sound: windows of a model, rates, files that are no sound.
python3 - <<'PY'
import struct
samples = [int(8000 * ((i % 50) / 25 - 1)) for i in range(2500)]
data = b"".join(struct.pack("<hh", s, s) for s in samples)
head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16,
                   b"data", len(data))
open("tune.wav", "wb").write(head + data)
open("cut.wav", "wb").write(head + data[:100])
PY
refused 1 'sound goes into float32' run model --input tune.wav --output o.npz
refused 1 'cut.wav: a chunk .data. .* the file is cut' run model --input cut.wav --output o.npz
refused 2 '--input is needed' run model --output o.npz
refused 2 '--output is needed' run model --input tune.wav
finish
