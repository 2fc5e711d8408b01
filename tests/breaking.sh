#!/usr/bin/env bash
# Demands that protos/ breaks no caller of the last release: the nearest tag `v1.2.3` before HEAD. Before the first release,
# and in a clone without tags, main takes its place.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

bases=("$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)" origin/main main)
for base in "${bases[@]}"; do
  if [[ -z "$base" ]] || ! git cat-file -e "$base:protos" 2>/dev/null; then continue; fi
  before="$(mktemp -d)"
  trap 'rm -rf "$before"' EXIT
  git archive "$base" protos | tar -x -C "$before"
  echo "buf breaking protos --against $base"
  "${BUF:-.tools/node_modules/.bin/buf}" breaking protos --against "$before/protos"
  exit
done
echo "The contract is not compared: there is no release, and no protos/ on origin/main or main here."
