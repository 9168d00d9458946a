#!/usr/bin/env bash
# Installs into a temporary prefix, then builds a small program and every examples/*.c against it through pkg-config
# (shared and static), through CMake, and as C++; each must run.
set -euo pipefail
: "${GRAFT_SOURCE:?the source folder}" "${GRAFT_BUILD:?the build folder}"
unset DESTDIR
work=$(mktemp -d "${TMPDIR:-/tmp}/graft-install-XXXXXX")
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

fail() {
    echo "install: $1" >&2
    exit 1
}

cmake --install "$GRAFT_BUILD" --prefix "$prefix" >"$work/install.log" 2>&1 || {
    cat "$work/install.log"
    fail "failed"
}
[ -n "$(find "$prefix" -name graft.pc)" ] || fail "no graft.pc"
[ -n "$(find "$prefix" -name LICENSE)" ] || fail "no licence"
if [ -n "${GRAFT:-}" ]; then
    [ -x "$prefix/bin/graft" ] || fail "no program"
fi
moved=$work/moved # a prefix that is moved after installing still works
mv "$prefix" "$moved"
libdir=$(dirname "$(dirname "$(find "$moved" -name graft.pc)")")
export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir

mkdir "$work/programs"
cat >"$work/programs/names.c" <<'C'
#include <graft/status.h>
#include <graft/tensor.h>
#include <string.h>
int main(void) {
    return strcmp(graft_status_name(GRAFT_NOT_FOUND), "not found") != 0 || graft_dtype_bytes(GRAFT_F32) != 4;
}
C
for example in "$GRAFT_SOURCE"/examples/*.c; do
    [ -e "$example" ] && cp "$example" "$work/programs/"
done

# Examples want arguments; given "--help" they say so (2) or that there is no such model (1), and end by themselves.
run() {
    local status=0
    timeout 20 "$1" --help >"$work/run.log" 2>&1 || status=$?
    case $(basename "$1"):$status in
    names*:0) ;;
    names*:*) fail "$1 ended with $status" ;;
    *:0 | *:1 | *:2) ;;
    *) cat "$work/run.log"; fail "$1 ended with $status" ;;
    esac
}

sources=()
for source in "$work"/programs/*.c; do
    name=$(basename "$source" .c)
    sources+=("$name")
    # shellcheck disable=SC2046
    cc -std=c11 -D_DEFAULT_SOURCE -Wall "$source" -o "$work/$name-shared" $(pkg-config --cflags --libs graft)
    run "$work/$name-shared"
    # shellcheck disable=SC2046
    cc -std=c11 -D_DEFAULT_SOURCE -Wall "$source" -o "$work/$name-static" $(pkg-config --cflags graft) \
        "$libdir/libgraft.a" $(pkg-config --static --libs graft | sed 's/-lgraft\b//')
    (unset LD_LIBRARY_PATH && run "$work/$name-static")
done
if command -v c++ >/dev/null; then
    # shellcheck disable=SC2046
    c++ -x c++ -std=c++17 "$work/programs/names.c" -o "$work/names-cxx" $(pkg-config --cflags --libs graft)
    run "$work/names-cxx"
fi

mkdir "$work/project"
{
    echo 'cmake_minimum_required(VERSION 3.25)'
    echo 'project(user LANGUAGES C)'
    echo 'find_package(graft REQUIRED)'
    echo 'find_package(Threads REQUIRED)'
    for name in "${sources[@]}"; do
        echo "add_executable($name $work/programs/$name.c)"
        echo "target_compile_definitions($name PRIVATE _DEFAULT_SOURCE)"
        echo "target_link_libraries($name PRIVATE graft::graft Threads::Threads m)"
    done
} >"$work/project/CMakeLists.txt"
cmake -S "$work/project" -B "$work/project/build" -G Ninja -DCMAKE_PREFIX_PATH="$moved" >"$work/cmake.log" 2>&1 &&
    cmake --build "$work/project/build" >>"$work/cmake.log" 2>&1 || { cat "$work/cmake.log"; fail "CMake project"; }
for name in "${sources[@]}"; do
    run "$work/project/build/$name"
done

# The examples do what they say: train on pictures, name one, answer a line per path.
if [ -x "$GRAFT_BUILD/bin/tiny_backbone" ]; then
    python3 "$GRAFT_SOURCE/tests/cli/make_pictures.py" "$work/pictures" >/dev/null
    "$GRAFT_BUILD/bin/tiny_backbone" "$work/backbone"
    "$work/train-shared" "$work/pictures" "$work/backbone" "$work/model" >"$work/run.log" 2>&1 ||
        { cat "$work/run.log"; fail "examples/train.c"; }
    grep -q 'head 10/10' "$work/run.log" || fail "examples/train.c says no last epoch"
    one=$(find "$work/pictures" -name '*.png' | sort -u | sed -n 1p)
    [ "$("$work/predict-shared" "$work/model" "$one" | wc -l)" -ge 2 ] || fail "examples/predict.c names no classes"
    printf '%s\n%s\n' "$one" "$work/none.png" | "$work/serve_stub-shared" "$work/model" >"$work/answers"
    grep -q '^{"index": ' "$work/answers" && grep -q '^{"error": 404, ' "$work/answers" ||
        { cat "$work/answers"; fail "examples/serve_stub.c does not answer"; }
fi
echo "installed, moved, and used by ${#sources[@]} programs through pkg-config and CMake"
