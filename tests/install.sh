#!/usr/bin/env bash
# Installs what the tests need beside Python's packages, each thing only where it is absent.
# Without arguments all that `make test` needs; else what they name: servers, buf, protos, triton, envoy,
# go_tools, prometheus, interop.
set -euo pipefail
cd "$(dirname "$0")/.."

BUF_VERSION=1.75.0
CHECKOV_VERSION=3.3.30

# The Debian package that holds a program.
package_of() {
  case "$1" in
    cargo) echo cargo-web ;; # the newer of Debian's two
    chromedriver) echo chromium-driver ;;
    go) echo golang-go ;;
    grpc_cpp_plugin | grpc_ruby_plugin) echo protobuf-compiler-grpc ;;
    javac) echo default-jdk ;;
    mvn) echo maven ;;
    node) echo nodejs ;;
    protoc) echo protobuf-compiler ;;
    *) echo "$1" ;;
  esac
}

# Installs the Debian packages of those programs that are not on the PATH.
programs() {
  local missing=()
  for program in "$@"; do
    command -v "$program" >/dev/null || missing+=("$(package_of "$program")")
  done
  packages "${missing[@]}"
}

# Installs those Debian libraries that are not.
libraries() {
  local missing=()
  for library in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$library" 2>/dev/null | grep -qx installed || missing+=("$library")
  done
  packages "${missing[@]}"
}

packages() {
  if (($# == 0)); then return; fi
  local root=()
  if ((EUID != 0)); then root=(sudo -n); fi
  echo "apt-get install $*"
  if ! { "${root[@]}" apt-get update -qq && install_packages "$@"; } >.tools/apt.log 2>&1; then
    tail -n 5 .tools/apt.log >&2
    echo "The tests need $*, which could not be installed; install them and try again." >&2
    exit 1
  fi
}

install_packages() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

servers() {
  programs redis-server chromium chromedriver
}

buf() {
  if [[ "$(.tools/node_modules/.bin/buf --version 2>/dev/null)" == "$BUF_VERSION" ]]; then return; fi
  programs npm
  echo "npm install @bufbuild/buf@$BUF_VERSION"
  npm install --prefix .tools --no-save --silent "@bufbuild/buf@$BUF_VERSION" || {
    echo "buf $BUF_VERSION, which checks the contract, could not be installed from npm." >&2
    exit 1
  }
}

# What stands in for images that no registry gives us is made with it.
stand_ins() {
  programs npm
}

# An environment of its own in .tools, for what is no part of the product or needs an older protobuf than the services.
environment() {
  if [[ ".tools/$1/complete" -nt "requirements/$1.lock" ]]; then return; fi
  echo "installing $2"
  rm -rf ".tools/$1"
  "${PYTHON:-python3}" -m venv ".tools/$1"
  ".tools/$1/bin/python" -m pip install --quiet --require-hashes --requirement "requirements/$1.lock"
  touch ".tools/$1/complete"
}

protos() {
  environment protos "the generator of the stubs"
}

triton() {
  environment triton "Triton's client"
}

envoy() {
  environment envoy "Envoy"
}

# Unpacked, not installed: Debian's package would start a Prometheus of its own, on the gateway's port for metrics.
prometheus() {
  if command -v prometheus >/dev/null && command -v promtool >/dev/null; then return; fi
  echo "unpacking Debian's package prometheus"
  rm -rf .tools/prometheus
  mkdir -p .tools/prometheus
  if ! (cd .tools/prometheus && apt-get download -qq prometheus && dpkg --extract prometheus_*.deb . && rm prometheus_*.deb); then
    rm -rf .tools/prometheus
    echo "Prometheus could not be had from Debian: what needs it is left out, and its tests are skipped." >&2
  fi
}

# What Go alone offers; it comes from Go's modules, and is left out, in words, where there is no Go.
go_tools() {
  if ! command -v go >/dev/null; then
    echo "Go is not installed: grpcurl and protoc-gen-openapiv2 are left out, and the tests that need them are skipped." >&2
    return
  fi
  go_tool github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
  go_tool github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2@v2.33.0
}

go_tool() {
  local program="${1##*/}" version="${1##*@}"
  local done=".tools/go/${program%@*}-$version"
  if [[ -e "$done" ]]; then return; fi
  echo "go install $1"
  GOBIN="$PWD/.tools/go/bin" go install "$1"
  touch "$done"
}

# Compilers and gRPC of the languages that tests/interop has clients in. Where some cannot be had, it is for the Makefile
# there to say which languages are left out; CI leaves none out.
interop() {
  if ! (
    programs g++ pkg-config go javac mvn node npm ruby cargo protoc grpc_cpp_plugin
    libraries libgrpc++-dev libprotobuf-dev nlohmann-json3-dev ruby-grpc ruby-googleapis-common-protos-types
  ) && [[ -n "${CI:-}" ]]; then exit 1; fi
}

# It pins some hundred packages, and so has an environment of its own.
checkov() {
  if [[ -e ".tools/checkov/$CHECKOV_VERSION" ]]; then return; fi
  echo "installing checkov $CHECKOV_VERSION"
  rm -rf .tools/checkov
  "${PYTHON:-python3}" -m venv .tools/checkov
  .tools/checkov/bin/python -m pip install --quiet "checkov==$CHECKOV_VERSION"
  touch ".tools/checkov/$CHECKOV_VERSION"
}

mkdir -p .tools
if (($# == 0)); then set -- servers buf protos triton envoy go_tools prometheus; fi
for part in "$@"; do "$part"; done
