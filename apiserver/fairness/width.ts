// How many seats a request takes: one, but for what reads many objects. Upstream: the work estimator of lists.
// https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#seats-occupied-by-a-request
import type { RequestInfo } from '../request-info.ts';

const objectsPerSeat = 100;
const maxSeats = 10;

/** `count`: objects that are there, of all namespaces. */
export function widthOf(info: RequestInfo, count: () => number): number {
  const { query } = info;
  const isWatchWithState = info.verb === 'watch' && ['true', '1'].includes(query.get('sendInitialEvents') ?? '');
  if (!info.isResource || info.subresource !== '' || info.name !== '') return 1;
  if (info.verb !== 'list' && !isWatchWithState) return 1;
  const fields = query.get('fieldSelector') ?? '';
  if (/(^|,)metadata\.name==?[^,]/.test(fields)) return 1;
  const limit = Number(query.get('limit') ?? 0);
  const isSelected = fields !== '' || (query.get('labelSelector') ?? '') !== '';
  // What is asked for at a time is read, and as much again of what a selection passes over.
  const read = limit > 0 ? limit * (isSelected ? 2 : 1) : Number.POSITIVE_INFINITY;
  return Math.min(maxSeats, Math.max(1, Math.ceil(Math.min(read, count()) / objectsPerSeat)));
}
