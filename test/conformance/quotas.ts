// Quotas of tests, and what they say is used.
import { compareQuantities } from '../../machinery/quantity.ts';
import type { Space } from './cluster.ts';

const ofClass = 'gold.storageclass.storage.k8s.io';
const usual = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  cpu: '1',
  memory: '500Mi',
  configmaps: '10',
  secrets: '10',
  persistentvolumeclaims: '10',
  'requests.storage': '10Gi',
  'ephemeral-storage': '50Gi',
  [`${ofClass}/persistentvolumeclaims`]: '10',
  [`${ofClass}/requests.storage`]: '10Gi',
  'count/replicasets.apps': '5',
  'requests.example.com/dongle': '3',
};

/** Creates one; with a name of its own it limits only what is given. Gives what it limits. */
export async function makeQuota(
  space: Space,
  given: Record<string, string> = {},
  own?: { name: string; scopes: string[] },
): Promise<Record<string, string>> {
  const hard = own ? given : { ...usual, ...given };
  const spec = { hard, ...(own ? { scopes: own.scopes } : {}) };
  const body = { metadata: { name: own?.name ?? 'test-quota' }, spec };
  await space.ask('POST', space.path('/api/v1', 'resourcequotas'), { body });
  return hard;
}

/** Waits until a quota counts this; what is not named may be anything. */
export const untilUsed = (space: Space, name: string, used: Record<string, string>): Promise<any> =>
  space.until(`${name} counts ${JSON.stringify(used)}`, space.path('/api/v1', `resourcequotas/${name}`), ({ status }) =>
    Object.entries(used).every(
      ([resource, amount]) =>
        status.used?.[resource] !== undefined && compareQuantities(status.used[resource], amount) === 0,
    ),
  );

interface Resources {
  requests: Record<string, string>;
  limits: Record<string, string>;
}

/** What a quota counts for pods. */
export const counts = (pods: string, resources: Resources): Record<string, string> => ({
  pods,
  ...Object.fromEntries(
    Object.entries(resources).flatMap(([of, all]) =>
      Object.entries(all).map(([resource, amount]) => [`${of}.${resource}`, amount]),
    ),
  ),
});

/** A pod that nobody needs to run: its image is not here, and not fetched. */
export const quotaPod = (name: string, resources: object, more: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: 'pause', image: 'pause:none', imagePullPolicy: 'Never', resources }], ...more },
});
