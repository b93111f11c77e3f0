// Deletes the object that was seen, and no other that bears its name by now. Gone is what was wanted.
import { unlessGone } from '../machinery/errors.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import type { ResourceClient } from './rest.ts';

export async function deleteSeen(
  client: Pick<ResourceClient<KubeObject>, 'delete'>,
  { metadata }: KubeObject,
): Promise<void> {
  await unlessGone(client.delete(metadata, metadata.uid ? { uid: metadata.uid } : {}));
}
