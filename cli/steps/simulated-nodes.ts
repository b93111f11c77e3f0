// Step: nodes without containers are registered, where they are asked for.
import { createIfAbsent } from '../api-request.ts';
import { simulatedNodesUser } from '../pki/plan.ts';
import { controlPlaneUnits } from '../units.ts';
import { explained, startUnits, type UpContext, waitForUnit } from './context.ts';
import { apiserverStep } from './control-plane.ts';
import { probeReady } from './health.ts';
import { clusterRole, clusterRoleBinding, rbacPath, rule } from './rbac.ts';
import type { Step } from './run-steps.ts';

const unit = 'simulated-nodes';

const role = clusterRole(simulatedNodesUser, [
  rule([''], ['nodes'], ['create', 'get', 'list', 'watch']),
  rule([''], ['nodes/status'], ['patch']),
  rule([''], ['pods'], ['get', 'list', 'watch', 'delete']),
  rule([''], ['pods/status'], ['update']),
  rule(['coordination.k8s.io'], ['leases'], ['create', 'patch']),
]);

const binding = clusterRoleBinding(simulatedNodesUser, simulatedNodesUser, { kind: 'User', name: simulatedNodesUser });

/** Its requests are served before those of users, as requests of nodes are. */
const flow = {
  kind: 'FlowSchema',
  apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
  metadata: { name: unit },
  spec: {
    priorityLevelConfiguration: { name: 'system' },
    matchingPrecedence: 500,
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: simulatedNodesUser } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
      },
    ],
  },
};

export const simulatedNodesStep: Step<UpContext> = {
  title: 'Simulated nodes',
  after: [apiserverStep.title],
  async run(context, signal) {
    const problem = 'simulated nodes cannot be allowed what they need';
    await explained(context, { problem, signal }, async (asking) => {
      await createIfAbsent(asking, rbacPath('clusterroles'), role);
      await createIfAbsent(asking, rbacPath('clusterrolebindings'), binding);
      await createIfAbsent(asking, '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas', flow);
    });
    const [plan] = controlPlaneUnits(context).filter(({ name }) => name === unit);
    startUnits(context, [plan!]);
    const { socket: socketPath } = plan!.liveness as { socket: string };
    await waitForUnit(context, { unit, signal, probe: (during) => probeReady({ socketPath }, during) });
    return String(context.layout.spec.simulatedNodes);
  },
};
