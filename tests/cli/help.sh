#!/usr/bin/env bash
# Help of every verb and sub-verb, suggestions for wrong words, exit codes 0, 1 and 2 where they belong.
. "$(dirname "$0")/common.sh"

verbs="train eval predict run summary export convert diff bench doctor"
hub="add list show verify lock"
data="import pack show"

expect 0 --version
says '^graft [0-9]+\.[0-9]+\.[0-9]+'
expect 0 --help
for verb in $verbs hub data; do says "^ +$verb +[a-z]"; done
[ "$(grep -c '^  [a-z]' "$work/out")" -eq 12 ] || fail "graft --help lists other verbs than this test knows"

help_of() {
    expect 0 "$@" --help
    says "^graft $*: "
    says "^Usage: graft $*"
    says '^Example:'
    says "^  graft $*"
    says '^  --help'
    [ ! -s "$work/err" ] || fail "graft $* --help prints to standard error"
    awk '/^  --/ && NF < 2 { exit 1 }' "$work/out" || fail "graft $* --help: an option without a word on it"
}
for verb in $verbs; do help_of "$verb"; done
expect 0 hub --help
for verb in $hub; do says "^ +$verb "; done
for verb in $hub; do help_of hub "$verb"; done
expect 0 data --help
for verb in $data; do help_of data "$verb"; done

# The defaults that the documentation promises.
expect 0 train --help
says '--epochs N .*\[20\]'
says '--batch-size N .*\[32\]'
says '--lr F .*\[0.001\]'
says '--optimizer O .*\[adam\]'
says '--head SPEC .*\[dense:128,relu/dropout:0.5\]'
says '--fine-tune-epochs N .*\[5\]'
says '--fine-tune-lr F .*\[0.0001\]'
says '--fine-tune MODE .*\[none\]'
says '--resize R .*\[squeeze\]'
says '--augment A .*\[none\]'

refused 2 'expected a verb' # no argument at all
refused 2 "unknown verb 'trian'; did you mean 'train'" trian
refused 2 "unknown verb 'evaluate'" evaluate
refused 2 'unknown verb' ''
refused 2 'expected a verb' hub
refused 2 "unknown verb 'lsit'; did you mean 'list'" hub lsit
refused 2 "unknown verb 'imprt'; did you mean 'import'" data imprt
refused 2 "'--epoch'; did you mean '--epochs'" train x --epoch 3
refused 2 "'--theads'; did you mean '--threads'" predict m f --theads=3
refused 2 "'--zzzzzzzz'; see" eval m d --zzzzzzzz
refused 2 "unknown option '-x'" eval m d -x
refused 2 'needs a value' train x --epochs
refused 2 'takes no value' eval m d --json=1
refused 2 'whole number.*abc' train x --epochs abc
refused 2 'whole number.*3\.5' train x --epochs 3.5
refused 2 'number from 1 to 65536' train x --batch-size 0
refused 2 'number from.*nan' train x --lr nan
refused 2 'takes a size' train x --memory-budget many
refused 2 'expected MODEL FILE' predict model
refused 2 'too many' summary a b
refused 2 '--backbone is needed' train x
refused 2 '--out is needed' train x --backbone b
refused 2 '--input is needed' run m
refused 2 '--output is needed' run m --input x.npz
refused 2 "no format 'onnx'" export a b --format onnx
refused 2 "tells no format" convert a b.onnx
refused 1 'no-such-model' predict no-such-model x.png # a good command line: failed, not misused

expect 0 doctor
expect 0 doctor --json
json 'j["kernels"] in ("scalar", "avx2", "avx512", "neon") and j["cores"] >= 1 and j["modules"] == 0'
expect 0 hub list --json
json 'j == []'
expect 0 hub list
says 'google/efficientnet/lite0/feature-vector/1'
if GRAFT_CPU=scalar "$GRAFT" doctor --json >"$work/out"; then json 'j["kernels"] == "scalar"'; fi
if "$GRAFT" --help >/dev/full 2>"$work/err"; then fail "a full standard output goes unnoticed"; fi
finish
