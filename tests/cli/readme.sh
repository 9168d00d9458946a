#!/usr/bin/env bash
# The commands of the READMEs are run as they stand: every block marked ```sh test. Pictures are made up, and the module
# is a small backbone under the handle that the commands name, so that the script needs no network and takes seconds.
. "$(dirname "$0")/common.sh"

export PATH=$(dirname "$GRAFT"):$PATH
command -v graft >/dev/null || fail "the program is not called graft"
"$backbone_tool" --hub google/efficientnet/lite0/feature-vector/1

for readme in README.md README.zh-CN.md; do
    mkdir "$work/$readme"
    cd "$work/$readme"
    pictures pictures --splits train,test --classes ok,defective --count 15
    sed -n '/^```sh test$/,/^```$/{/^```/!p;}' "$GRAFT_SOURCE/$readme" >commands.sh
    [ "$(grep -c '^graft' commands.sh)" -ge 8 ] || fail "$readme: fewer commands than expected"
    checks=$((checks + 1))
    bash -euo pipefail commands.sh >"$work/out" 2>"$work/err" || fail "$readme: a command failed"
    for made in model/saved_model.pb report.html pictures.png better/saved_model.pb exported/saved_model.pb \
        model.keras model.tflite small.tflite web/model.json logs/train graft.lock; do
        check "$readme: $made" [ -e "$made" ]
    done
    cp commands.sh "$work/$readme.sh"
done
check "both READMEs give the same commands" cmp "$work/README.md.sh" "$work/README.zh-CN.md.sh"

# Every verb that the READMEs name exists, and every file they link to.
for readme in README.md README.zh-CN.md; do
    while read -r verb; do
        check "$readme: graft $verb" "$GRAFT" "$verb" --help
    done < <(sed -n 's/^graft \([a-z][a-z]*\).*/\1/p' "$GRAFT_SOURCE/$readme" | sort -u)
    while read -r link; do
        check "$readme: link to $link" [ -e "$GRAFT_SOURCE/$link" ]
    done < <(grep -o '](\([^)]*\))' "$GRAFT_SOURCE/$readme" | tr -d '()]' | sed 's/#.*//' | grep -v '^http')
done
for page in tour formats decisions benchmarks browser; do
    while read -r link; do
        check "docs/$page.md: link to $link" [ -e "$GRAFT_SOURCE/docs/$link" ]
    done < <(grep -o '](\([^)]*\))' "$GRAFT_SOURCE/docs/$page.md" | tr -d '()]' | grep -v '^http' || true)
done
finish
