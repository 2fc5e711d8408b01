#!/usr/bin/env bash
# Writes the OpenAPI document (version 2) of the gateway's HTTP routes: tests/openapi.sh FILE
set -euo pipefail
cd "$(dirname "$0")/.."

plugin=.tools/go/bin/protoc-gen-openapiv2
if [[ ! -x "$plugin" ]]; then
  echo "$1 is left as it is: protoc-gen-openapiv2 is not installed, which Go alone can make." >&2
  exit
fi
made="$(mktemp -d)"
trap 'rm -rf "$made"' EXIT
options=json_names_for_fields=false,simple_operation_ids=true,allow_merge=true,merge_file_name=likeness
options+=,openapi_configuration=deploy/http/openapi.yaml
.tools/protos/bin/python -m grpc_tools.protoc -I protos --plugin="protoc-gen-openapiv2=$plugin" \
  --openapiv2_out="$made" --openapiv2_opt="$options" protos/likeness/v1/image_search.proto
.tools/protos/bin/python tests/openapi.py <"$made/likeness.swagger.json" >"$1"
