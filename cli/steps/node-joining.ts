// Step: what nodes may ask for by themselves, as kubeadm says it: a first certificate with a bootstrap token, the next
// one with the last. https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/
import { createIfAbsent } from '../api-request.ts';
import { explained, type UpContext } from './context.ts';
import { apiserverStep } from './control-plane.ts';
import { clusterRoleBinding, rbacPath } from './rbac.ts';
import type { Step } from './run-steps.ts';

const requests = 'system:certificates.k8s.io:certificatesigningrequests';
const joining = 'system:bootstrappers:kubeadm:default-node-token';

export const joiningBindings = [
  ['kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', joining],
  ['kubeadm:node-autoapprove-bootstrap', `${requests}:nodeclient`, joining],
  ['kubeadm:node-autoapprove-certificate-rotation', `${requests}:selfnodeclient`, 'system:nodes'],
].map(([name, role, group]) => clusterRoleBinding(name!, role!, { kind: 'Group', name: group! }));

export const nodeJoiningStep: Step<UpContext> = {
  title: 'Certificates of nodes',
  after: [apiserverStep.title],
  async run(context, signal) {
    const problem = 'nodes cannot be allowed to ask for certificates';
    await explained(context, { problem, signal }, async (asking) => {
      for (const body of joiningBindings) await createIfAbsent(asking, rbacPath('clusterrolebindings'), body);
    });
    return undefined;
  },
};
