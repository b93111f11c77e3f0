#!/usr/bin/env bash
# Upstream's own generic API server (v1.36, as the extension server of custom resources) beside one of ours, so that both
# can be asked the same. `build` makes it from the libraries of Debian's newest suite, in a folder of its own; `start
# CONTEXT` runs it in front, with an etcd, on https://127.0.0.1:24700: a cluster of ours tells it who may do what and
# which namespaces there are. Ask both with that cluster's client certificate. As root.
set -euo pipefail
dir="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../.cache/upstream/extension"
mkdir -p "$dir" && dir=$(readlink -f "$dir")

build() {
  local root=$dir/root
  [ -e "$root/usr/bin/apt" ] || debootstrap --variant=minbase sid "$root" http://deb.debian.org/debian
  chroot "$root" apt-get install -y --no-install-recommends golang-any golang-k8s-apiextensions-apiserver-dev
  mount -t proc proc "$root/proc"
  trap "umount '$root/proc'" EXIT # in double quotes: no local variable is left at the end
  chroot "$root" env GO111MODULE=off GOPATH=/usr/share/gocode CGO_ENABLED=0 go build -o /extension k8s.io/apiextensions-apiserver
  cp "$root/extension" "$dir/server"
}

start() {
  local work
  work=$(mktemp -d)
  trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT
  kubectl config view --raw --minify --flatten --context "$1" >"$work/kubeconfig"
  local url=http://127.0.0.1:24701 peer=http://127.0.0.1:24702
  etcd --data-dir "$work/etcd" --log-level error --listen-client-urls $url --advertise-client-urls $url \
    --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster default=$peer &
  "$dir/server" --etcd-servers=$url --bind-address=127.0.0.1 --secure-port=24700 --cert-dir="$work" \
    --kubeconfig="$work/kubeconfig" --authentication-kubeconfig="$work/kubeconfig" --authorization-kubeconfig="$work/kubeconfig" &
  wait -n
}

case ${1:-} in
  build) build ;;
  start) start "${2:?start CONTEXT}" ;;
  *) echo "usage: ${0##*/} build | start CONTEXT" >&2; exit 1 ;;
esac
