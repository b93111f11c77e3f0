// What the checks of the conformance programme do with objects over and over: selections, changes that are tried again
// when somebody else was faster, refusals, ends, and pods that come up.
import assert from 'node:assert/strict';
import type { ApiRequest } from '../environment/api-proxy.ts';
import { eventually } from '../environment/kubectl.ts';
import type { Space } from './cluster.ts';

export const query = (params: Record<string, string | number | boolean>): string =>
  `?${new URLSearchParams(Object.entries(params).map(([key, value]) => [key, String(value)]))}`;

export const labelled = (labels: Record<string, string>): { labelSelector: string } => ({
  labelSelector: Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(),
});

export const selector = (labels: string): string => `labelSelector=${encodeURIComponent(labels)}`;

export const selecting = (labels: Record<string, string>): string => selector(labelled(labels).labelSelector);

/** A request that is refused with that code: its message. */
export async function refused(
  space: Space,
  method: string,
  path: string,
  code: number,
  more?: ApiRequest,
): Promise<string> {
  const answer = await space.request(method, path, more);
  assert.equal(answer.code, code, JSON.stringify(answer.body));
  return answer.body.message;
}

/** `a` was written after `b`. */
export const newer = (a: any, b: any): boolean =>
  BigInt(a.metadata.resourceVersion) > BigInt(b.metadata.resourceVersion);

/** Reads, changes and writes back, again while somebody was faster. The answer of the write. */
export async function update(
  space: Space,
  path: string,
  change: (object: any) => void,
  subresource = '',
): Promise<any> {
  for (;;) {
    const object = await space.get(path);
    change(object);
    const { code, body } = await space.request('PUT', `${path}${subresource}`, { body: object });
    if (code === 200) return body;
    assert.deepEqual([code, body.reason], [409, 'Conflict'], JSON.stringify(body));
  }
}

export const merge = 'application/merge-patch+json';

/** A patch; its kind by its name. */
export function patch(
  space: Space,
  path: string,
  kind: 'merge' | 'strategic-merge' | 'json',
  body: ApiRequest['body'],
): Promise<any> {
  const contentType = `application/${kind === 'merge' ? 'merge-patch' : kind === 'json' ? 'json-patch' : `${kind}-patch`}+json`;
  return space.ask('PATCH', path, { contentType, body: body! });
}

/** Waits until a request is refused as not found. */
export function gone(space: Space, path: string): Promise<true> {
  return eventually(`${path} is gone`, async () => {
    const answer = await space.request('GET', path);
    return answer.code === 404 ? true : undefined;
  });
}

/** The names of a list, sorted. */
export const namesOf = (list: any): string[] => list.items.map((one: any) => one.metadata.name).sort();

export const conditionOf = (object: any, type: string): any =>
  object.status?.conditions?.find((one: any) => one.type === type);

export const isReady = (pod: any): boolean => conditionOf(pod, 'Ready')?.status === 'True';

export const controllerOf = (object: any): any => object.metadata.ownerReferences?.find((one: any) => one.controller);

/** The pods of a selector, once there are so many and all of them run, none of them ending. */
export async function runningPods(space: Space, labels: Record<string, string>, count: number): Promise<any[]> {
  const path = `${space.path('/api/v1', 'pods')}${query(labelled(labels))}`;
  const isRunning = ({ metadata, status }: any) => status.phase === 'Running' && !metadata.deletionTimestamp;
  const { items } = await space.until(
    `${count} pods of ${JSON.stringify(labels)} run`,
    path,
    (list) => list.items.length === count && list.items.every(isRunning),
  );
  return items;
}
