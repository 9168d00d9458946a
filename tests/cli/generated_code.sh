#!/bin/bash
# Generated code in the tree is what its generators make of their input today.
set -eu
python3 "$GRAFT_SOURCE/tools/gen/gen_recipes.py" --check
echo "generated code: as its generators make it"
