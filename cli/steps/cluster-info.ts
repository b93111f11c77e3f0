// Step: what anybody may know of the cluster before it is trusted, as kubeadm publishes it: where it is, and its CA. The
// bootstrap signer signs it. https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { applyObject, createIfAbsent } from '../api-request.ts';
import type { Layout } from '../layout.ts';
import { pkiFiles } from '../pki/plan.ts';
import { explained, type UpContext } from './context.ts';
import { apiserverStep } from './control-plane.ts';
import { rule } from './rbac.ts';
import type { Step } from './run-steps.ts';

const name = 'cluster-info';
const namespace = 'kube-public';
const apiGroup = 'rbac.authorization.k8s.io';
const metadata = { name: 'kubeadm:bootstrap-signer-clusterinfo', namespace };

const role = {
  kind: 'Role',
  apiVersion: `${apiGroup}/v1`,
  metadata,
  rules: [{ ...rule([''], ['configmaps'], ['get']), resourceNames: [name] }],
};

const binding = {
  kind: 'RoleBinding',
  apiVersion: `${apiGroup}/v1`,
  metadata,
  roleRef: { apiGroup, kind: 'Role', name: metadata.name },
  subjects: [{ apiGroup, kind: 'User', name: 'system:anonymous' }],
};

/** A kubeconfig with nobody in it. */
function buildInfo(layout: Layout) {
  const cluster = {
    'certificate-authority-data': readFileSync(`${pkiFiles(layout).ca}.crt`).toString('base64'),
    server: layout.apiUrlOfNodes,
  };
  const clusters = [{ cluster, name: '' }];
  const config = { apiVersion: 'v1', clusters, contexts: null, 'current-context': '', kind: 'Config', users: null };
  const data = { kubeconfig: stringify(config, { lineWidth: 0 }) };
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace }, data };
}

export const clusterInfoStep: Step<UpContext> = {
  title: 'Cluster information',
  after: [apiserverStep.title],
  async run(context, signal) {
    await explained(context, { problem: 'the cluster cannot be made known', signal }, async (asking) => {
      const path = (resource: string) => `/apis/${apiGroup}/v1/namespaces/${namespace}/${resource}`;
      await createIfAbsent(asking, path('roles'), role);
      await createIfAbsent(asking, path('rolebindings'), binding);
      await applyObject(asking, `/api/v1/namespaces/${namespace}/configmaps`, buildInfo(context.layout));
    });
    return undefined;
  },
};
