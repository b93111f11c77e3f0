// Step: nodes without containers are registered, where they are asked for.
import { createIfAbsent } from '../api-request.ts';
import { simulatedNodesUser } from '../pki/plan.ts';
import { controlPlaneUnits } from '../units.ts';
import { startUnits, type UpContext, waitForUnit } from './context.ts';
import { apiserverStep } from './control-plane.ts';
import { askHealth } from './health.ts';
import type { Step } from './run-steps.ts';

const rbac = 'rbac.authorization.k8s.io';
const unit = 'simulated-nodes';

const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({ apiGroups, resources, verbs });

const role = {
  kind: 'ClusterRole',
  apiVersion: `${rbac}/v1`,
  metadata: { name: simulatedNodesUser },
  rules: [
    rule([''], ['nodes'], ['create', 'get', 'list', 'watch']),
    rule([''], ['nodes/status'], ['patch']),
    rule([''], ['pods'], ['get', 'list', 'watch', 'delete']),
    rule([''], ['pods/status'], ['update']),
    rule(['coordination.k8s.io'], ['leases'], ['create', 'patch']),
  ],
};

const binding = {
  kind: 'ClusterRoleBinding',
  apiVersion: `${rbac}/v1`,
  metadata: { name: simulatedNodesUser },
  roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: simulatedNodesUser },
  subjects: [{ apiGroup: rbac, kind: 'User', name: simulatedNodesUser }],
};

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
    const { layout } = context;
    for (const [path, body] of [
      [`${rbac}/v1/clusterroles`, role],
      [`${rbac}/v1/clusterrolebindings`, binding],
      ['flowcontrol.apiserver.k8s.io/v1/flowschemas', flow],
    ] as const)
      await createIfAbsent(layout, `/apis/${path}`, { body, signal });
    const [plan] = controlPlaneUnits(context).filter(({ name }) => name === unit);
    startUnits(context, [plan!]);
    const { socket: socketPath } = plan!.liveness as { socket: string };
    const probe = async (during: AbortSignal) => {
      const { ok, text } = await askHealth({ socketPath, path: '/readyz' }, during);
      return ok ? undefined : text.trim();
    };
    await waitForUnit(context, { unit, signal, probe });
    return String(layout.spec.simulatedNodes);
  },
};
