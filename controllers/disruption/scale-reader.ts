// Asks any kind for its scale, custom ones included. Upstream: getScaleController of pkg/controller/disruption.
import type { Scale } from '../../api/autoscaling/scale.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { unlessGone } from '../../machinery/errors.ts';
import type { OwnerReference } from '../../machinery/metadata.ts';
import { type ControllerScale, UnknownScaleError } from './expected-scale.ts';

/** The scale of an owner; undefined when that is gone. Throws UnknownScaleError for a kind that has none. */
export function scaleReader({ client, kinds }: Pick<ControllerContext, 'client' | 'kinds'>) {
  return async (owner: OwnerReference, namespace: string): Promise<ControllerScale | undefined> => {
    const { apiVersion, name, uid } = owner;
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    const kind = kinds.current.find((k) => k.group === group && k.kind === owner.kind);
    if (!kind) {
      throw new UnknownScaleError(`no matches for kind ${JSON.stringify(owner.kind)} in version "${apiVersion}"`);
    }
    const root = group ? `/apis/${apiVersion}` : `/api/${version}`;
    const where = `${root}/namespaces/${encodeURIComponent(namespace)}/${kind.plural}/${encodeURIComponent(name)}`;
    const scale = await unlessGone(client.request<Scale>({ method: 'GET', path: `${where}/scale` }));
    if (scale) return scale.metadata.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined;
    // The object is not there, or its kind has no scale.
    const { resources } = await client.request<{ resources: { name: string }[] }>({ method: 'GET', path: root });
    if (resources.some((resource) => resource.name === `${kind.plural}/scale`)) return undefined;
    const resource = group ? `${kind.plural}.${group}` : kind.plural;
    throw new UnknownScaleError(`${resource} does not implement the scale subresource`);
  };
}
