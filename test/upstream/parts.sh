#!/usr/bin/env bash
# Kubernetes' own parts (1.20.2, from the source that build.sh has fetched) in the place of ours: `parts.sh build`, then
# `parts.sh scheduler|controllers|kubelet|proxy CLUSTER` runs one in the foreground, on a cluster of one node; ours has made
# way for it until `parts.sh back CLUSTER`. DIR: where it was built.
set -euo pipefail
root="$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../..")"
dir="$(readlink -f "${DIR:-$root/.cache/upstream}")"
part="$1" cluster="${2:-}" run="/run/k8ts/${2:-}" state="/var/lib/k8ts/${2:-}" node="${2:-}-control-plane"
credentials="$state/nodes/$node/credentials" inside=(nsenter -t "$(cat "$run/node.pid" 2>/dev/null || true)")

build() {
  export GOPATH="$dir/gopath" GOCACHE="$dir/gocache" GO111MODULE=off GOPROXY=off CGO_ENABLED=0
  cd "$GOPATH/src/k8s.io/kubernetes"
  # Its kubelet speaks v1alpha2, whose messages are those of v1 with fewer fields, and gives a path for the name of a host.
  perl -pi -e 's/(["\/])runtime\.v1alpha2\.(Runtime|Image)Service/$1runtime.v1.$2Service/' vendor/k8s.io/cri-api/pkg/apis/runtime/v1alpha2/api.pb.go
  grep -rl --include='*.go' 'grpc.WithInsecure(),' pkg/kubelet pkg/volume/csi |
    xargs perl -pi -e 's/grpc\.WithInsecure\(\),(?! grpc\.WithA)/grpc.WithInsecure(), grpc.WithAuthority("localhost"),/'
  for name in kube-scheduler kube-controller-manager kube-proxy kubelet; do
    go build -ldflags '-s -w -X k8s.io/kubernetes/vendor/k8s.io/component-base/version.gitVersion=v1.20.2' -o "$dir/bin/$name" "./cmd/$name"
  done
}

flag() { grep -A1 -m1 "\"--$1\"" "$run/plan.json" | sed -n '2s/.*"\(.*\)".*/\1/p'; }

# The supervisor and who keeps it are stopped, or they would start it again.
supervisor() { kill "-$1" $(pgrep -P "$(cat "$run/supervisor.pid")" -x bash) "$(cat "$run/supervisor.pid")"; }
make_way() {
  supervisor STOP
  kill "$(cat "$run/$1.pid")"
  while grep -qs '^State:.[^ZX]' "/proc/$(cat "$run/$1.pid")/status"; do sleep 0.1; done
}

signed_in() { echo "--kubeconfig=$1" "--authentication-kubeconfig=$1" "--authorization-kubeconfig=$1" --leader-elect=false --port=0 --bind-address=127.0.0.1; }

case "$part" in
  build) build ;;
  back) supervisor CONT ;;
  scheduler)
    make_way scheduler
    exec "$dir/bin/kube-scheduler" $(signed_in "$state/kubeconfigs/scheduler.kubeconfig") --feature-gates=PodDisruptionBudget=false
    ;;
  controllers)
    make_way controllers
    ours=(--controllers=job,cronjob,disruption,endpointslice,endpointslicemirroring,metrics-server --leader-elect=false --secure-port=0)
    for name in metrics-bind-address metrics-secure-port metrics-tls-cert-file metrics-tls-private-key-file; do ours+=("--$name=$(flag "$name")"); done
    "$root/k8ts" controllers --kubeconfig="$state/kubeconfigs/controllers.kubeconfig" --use-service-account-credentials "${ours[@]}" &
    trap "kill $!" EXIT
    "$dir/bin/kube-controller-manager" $(signed_in "$state/kubeconfigs/controllers.kubeconfig") --use-service-account-credentials \
      --root-ca-file="$state/pki/ca.crt" --service-account-private-key-file="$state/pki/sa.key" --allocate-node-cidrs \
      --cluster-signing-cert-file="$state/pki/ca.crt" --cluster-signing-key-file="$state/pki/ca.key" \
      --cluster-cidr="$(flag cluster-cidr)" --service-cluster-ip-range="$(flag service-cluster-ip-range)" \
      --controllers='*,-job,-cronjob,-disruption,-endpointslice,-endpointslicemirroring,bootstrapsigner,tokencleaner'
    ;;
  proxy)
    make_way proxy
    "${inside[@]}" -n nft delete table ip k8ts-proxy
    exec "${inside[@]}" -n "$dir/bin/kube-proxy" --kubeconfig="$credentials/proxy.kubeconfig" --hostname-override="$node" \
      --cluster-cidr="$(flag cluster-cidr)" --proxy-mode=iptables --feature-gates=EndpointSlice=false,EndpointSliceProxying=false \
      --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s
    ;;
  kubelet)
    make_way kubelet
    cp "$dir/bin/kubelet" "$state/nodes/$node/var/kubelet"
    cat >"$state/nodes/$node/var/kubelet.yaml" <<YAML
kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: /var/lib/k8ts/pki/ca.crt}}
authorization: {mode: Webhook}
clusterDNS: ["$(flag cluster-dns)"]
clusterDomain: cluster.local
tlsCertFile: /var/lib/k8ts/pki/kubelet.crt
tlsPrivateKeyFile: /var/lib/k8ts/pki/kubelet.key
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: 100Mi}
imageGCHighThresholdPercent: 100
YAML
    exec "${inside[@]}" -a /var/kubelet --config=/var/kubelet.yaml --kubeconfig=/var/lib/k8ts/kubelet.kubeconfig \
      --hostname-override="$node" --node-ip="$(flag node-ip)" --container-runtime=remote \
      --container-runtime-endpoint=unix:///run/k8ts/runtime.sock --image-service-endpoint=unix:///run/k8ts/runtime.sock
    ;;
esac
