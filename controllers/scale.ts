// The scale of any kind, custom ones included, by what discovery tells. Upstream: client-go's scale client.
import type { Scale } from '../api/autoscaling/scale.ts';
import type { KubeClient } from '../client/rest.ts';
import type { ServedKinds } from '../client/served-kinds.ts';
import { type Kind, parseApiVersion } from '../machinery/kind.ts';

export interface ScaleTarget {
  apiVersion?: string;
  kind: string;
  name: string;
}

const groupOf = ({ apiVersion = '' }: Pick<ScaleTarget, 'apiVersion'>) => parseApiVersion(apiVersion).group;

function kindOf(kinds: ServedKinds, target: Omit<ScaleTarget, 'name'>): Kind | undefined {
  const group = groupOf(target);
  return kinds.current.find((one) => one.group === group && one.kind === target.kind);
}

/** `deployments.apps`. Throws for a kind that is not served. */
export function resourceOf(kinds: ServedKinds, target: Omit<ScaleTarget, 'name'>): string {
  const found = kindOf(kinds, target);
  if (!found) {
    throw new Error(`no matches for kind ${JSON.stringify(target.kind)} in group ${JSON.stringify(groupOf(target))}`);
  }
  return found.group ? `${found.plural}.${found.group}` : found.plural;
}

/** Where the scale of an object is, in the version that the server prefers. Throws for a kind that is not served. */
export function scalePath(kinds: ServedKinds, target: ScaleTarget, namespace: string): string {
  resourceOf(kinds, target);
  const { storage, plural } = kindOf(kinds, target)!;
  const root = storage.group ? `/apis/${storage.group}/${storage.version}` : `/api/${storage.version}`;
  return `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(target.name)}/scale`;
}

export const readScale = (client: KubeClient, path: string) => client.request<Scale>({ method: 'GET', path });

export const writeScale = (client: KubeClient, path: string, scale: Scale) =>
  client.request<Scale>({ method: 'PUT', path, body: JSON.stringify(scale) });
