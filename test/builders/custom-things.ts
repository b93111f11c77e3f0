// Custom resources in an API that is in memory: things of example.com, or whatever is defined.
import { customKinds } from '../../apiserver/crd/custom-kind.ts';
import { keyPrefixOf } from '../../apiserver/storage/stored-object.ts';
import type { MemoryApi } from './memory-api.ts';

export const thingDefinition = (versions: readonly object[], more: object = {}): any => ({
  metadata: { name: 'things.example.com' },
  spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'things', kind: 'Thing' }, ...more, versions },
});

type Convert = Parameters<typeof customKinds>[2];
const asTheyAre: Convert = async (_, objects) => [...objects];

/** Serves what is defined; `convert` stands for a webhook. */
export async function serveCustom(api: MemoryApi, definition: any, convert = asTheyAre): Promise<void> {
  const { served } = customKinds(definition, { definition }, convert);
  api.kinds.exchange([], served);
  await api.context.store.cache.join(keyPrefixOf(served[0]!));
}
