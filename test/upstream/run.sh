#!/usr/bin/env bash
# Runs Kubernetes' own end-to-end suite, built by build.sh, against the cluster of KUBECONFIG: `run.sh FOCUS [SKIP]`, both
# regular expressions over the names of checks, such as '\[sig-apps\].*\[Conformance\]' and '\[Serial\]'. DIR: where it was built.
set -euo pipefail
root="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
dir="$(readlink -f "${DIR:-$root/.cache/upstream}")"
exec "$dir/bin/e2e.test" --kubeconfig="${KUBECONFIG:-$HOME/.kube/config}" --provider=skeleton \
  --repo-root="$dir/gopath/src/k8s.io/kubernetes" --kubectl-path="${KUBECTL:-$(command -v kubectl)}" --num-nodes=1 --minStartupPods=0 \
  --ginkgo.noColor --ginkgo.slowSpecThreshold=1000 --ginkgo.focus="$1" --ginkgo.skip="${2:-^$}"
