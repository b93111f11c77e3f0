// Errors of the runtime's calls in the words that people know from gRPC in Go.
import { status } from '@grpc/grpc-js';
import { messageOf } from '../../machinery/errors.ts';
import { isRpcError } from '../../proto/promise-client.ts';

/** DEADLINE_EXCEEDED is DeadlineExceeded there. */
export const goName = (code: number) =>
  (status[code] ?? 'UNKNOWN')
    .toLowerCase()
    .split('_')
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('');

/** What went wrong, without the kind of error that it is. */
export const detailsOf = (err: unknown): string => (isRpcError(err) ? err.details : messageOf(err));

export function describeRpcError(err: unknown): string {
  return isRpcError(err) ? `rpc error: code = ${goName(err.code)} desc = ${err.details}` : detailsOf(err);
}
