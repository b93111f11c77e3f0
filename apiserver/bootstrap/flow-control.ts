// The flow schemas and priority levels of a new cluster, and how they are kept. What is mandatory is
// put back as it must be; what is suggested follows this table until somebody takes it over, which
// an annotation of `false` says.
// https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#maintenance-of-the-mandatory-and-suggested-configuration-objects
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/flowcontrol/mandatory.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { BootstrapObject } from './objects.ts';

export const flowControlGroup = 'flowcontrol.apiserver.k8s.io';
const annotation = 'apf.kubernetes.io/autoupdate-spec';

const everything = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }];
const everyPath = [{ verbs: ['*'], nonResourceURLs: ['*'] }];
const toGroup = (name: string) => ({ kind: 'Group', group: { name } });
const toUser = (name: string) => ({ kind: 'User', user: { name } });
const systemAccounts = { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } };
const everybody = [toGroup('system:unauthenticated'), toGroup('system:authenticated')];
const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] };

interface FlowRow {
  level: string;
  precedence: number;
  method?: 'ByUser' | 'ByNamespace';
  subjects: object[];
  /** All requests where absent. */
  resourceRules?: object[];
  nonResourceRules?: object[];
}

const flows: Record<string, FlowRow> = {
  probes: {
    level: 'exempt',
    precedence: 2,
    subjects: everybody,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  },
  'system-leader-election': {
    level: 'leader-election',
    precedence: 100,
    method: 'ByUser',
    subjects: [toUser('system:kube-controller-manager'), toUser('system:kube-scheduler'), systemAccounts],
    resourceRules: [{ verbs: ['get', 'create', 'update'], ...leases }],
  },
  'system-node-high': {
    level: 'node-high',
    precedence: 400,
    method: 'ByUser',
    subjects: [toGroup('system:nodes')],
    resourceRules: [
      { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] },
      { verbs: ['*'], ...leases },
    ],
  },
  'system-nodes': { level: 'system', precedence: 500, method: 'ByUser', subjects: [toGroup('system:nodes')] },
  'kube-controller-manager': {
    level: 'workload-high',
    precedence: 800,
    method: 'ByNamespace',
    subjects: [toUser('system:kube-controller-manager')],
  },
  'kube-scheduler': {
    level: 'workload-high',
    precedence: 800,
    method: 'ByNamespace',
    subjects: [toUser('system:kube-scheduler')],
  },
  'kube-system-service-accounts': {
    level: 'workload-high',
    precedence: 900,
    method: 'ByNamespace',
    subjects: [systemAccounts],
  },
  'service-accounts': {
    level: 'workload-low',
    precedence: 9000,
    method: 'ByUser',
    subjects: [toGroup('system:serviceaccounts')],
  },
  'global-default': { level: 'global-default', precedence: 9900, method: 'ByUser', subjects: everybody },
};

/** Shares, queues, hand size and lendable percent of each suggested level. */
const levels: Record<string, [shares: number, queues: number, handSize: number, lendablePercent: number]> = {
  system: [30, 64, 6, 33],
  'node-high': [40, 64, 6, 25],
  'leader-election': [10, 16, 4, 0],
  'workload-high': [40, 128, 6, 50],
  'workload-low': [100, 128, 6, 90],
  'global-default': [20, 128, 6, 50],
};

function flowSpec({ level, precedence, method, subjects, resourceRules, nonResourceRules }: FlowRow): object {
  const rules =
    resourceRules || nonResourceRules
      ? { ...(resourceRules && { resourceRules }), ...(nonResourceRules && { nonResourceRules }) }
      : { resourceRules: everything, nonResourceRules: everyPath };
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(method && { distinguisherMethod: { type: method } }),
    rules: [{ subjects, ...rules }],
  };
}

function levelSpec([shares, queues, handSize, lendablePercent]: (typeof levels)[string]): object {
  const limitResponse = { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } };
  return { type: 'Limited', limited: { nominalConcurrencyShares: shares, limitResponse, lendablePercent } };
}

const toObjects = (kind: string, specs: Record<string, object>): BootstrapObject[] =>
  Object.entries(specs).map(([name, spec]) => ({
    group: flowControlGroup,
    object: { kind, metadata: { name, annotations: { [annotation]: 'true' } }, spec: structuredClone(spec) },
  }));
const mapValues = <T>(table: Record<string, T>, fn: (row: T) => object): Record<string, object> =>
  Object.fromEntries(Object.entries(table).map(([name, row]) => [name, fn(row)]));

export const flowControlObjects: readonly BootstrapObject[] = [
  ...toObjects('PriorityLevelConfiguration', { ...mandatoryPriorityLevels, ...mapValues(levels, levelSpec) }),
  ...toObjects('FlowSchema', { ...mandatoryFlowSchemas, ...mapValues(flows, flowSpec) }),
];

const isMandatory = ({ metadata: { name = '' } }: KubeObject) => Object.hasOwn(mandatoryFlowSchemas, name);

/** The object as it is to be now; equal to what it was where nothing is to be done. */
export function follow(existing: KubeObject, wanted: KubeObject): KubeObject {
  const { annotations = {}, generation = 1 } = existing.metadata;
  // Without the annotation, an object that nobody has changed yet is still ours.
  const isOurs = annotation in annotations ? annotations[annotation] === 'true' : generation === 1;
  const mandatory = isMandatory(wanted);
  const metadata = {
    ...existing.metadata,
    annotations:
      mandatory || !(annotation in annotations)
        ? { ...annotations, [annotation]: String(isOurs || mandatory) }
        : annotations,
  };
  if (!isOurs && !mandatory) return { ...existing, metadata };
  // Only the shares of the exempt level are free.
  const { exempt } = existing.spec;
  const spec = wanted.spec.exempt && exempt && mandatory ? { ...wanted.spec, exempt } : wanted.spec;
  return { ...existing, metadata, spec };
}
