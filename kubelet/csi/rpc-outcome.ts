// What an error of a storage driver says of the operation that was asked for. Upstream: isFinalError and
// isInfeasibleError of pkg/volume/csi and of external-resizer.
import { status } from '@grpc/grpc-js';
import { isRpcError } from '../../proto/promise-client.ts';

/** The driver may be at it still. */
const unfinished: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.UNAVAILABLE,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
]);
/** No other try helps. */
const infeasible: ReadonlySet<number> = new Set([status.INVALID_ARGUMENT, status.OUT_OF_RANGE, status.NOT_FOUND]);

/** Whether the operation has certainly ended. */
export const isFinal = (err: unknown) => isRpcError(err) && !unfinished.has(err.code);
/** Whether it has ended and would end so again. */
export const isInfeasible = (err: unknown) => isRpcError(err) && infeasible.has(err.code);
