// Errors as the CRI client sees them: a gRPC code and a message. Thrown anywhere, translated only in server.ts.
import { status } from '@grpc/grpc-js';
import { messageOf } from '../../machinery/errors.ts';
import { RpcError } from '../../proto/unary-server.ts';

export const notFound = (message: string, cause?: unknown) => new RpcError(status.NOT_FOUND, message, { cause });
export const invalidArgument = (message: string) => new RpcError(status.INVALID_ARGUMENT, message);
export const alreadyExists = (message: string) => new RpcError(status.ALREADY_EXISTS, message);
export const failedPrecondition = (message: string) => new RpcError(status.FAILED_PRECONDITION, message);
export const unimplemented = (message: string) => new RpcError(status.UNIMPLEMENTED, message);
export const deadlineExceeded = (message: string) => new RpcError(status.DEADLINE_EXCEEDED, message);
export const unavailable = (message: string) => new RpcError(status.UNAVAILABLE, message);

/** What `work` throws is the fault of the request. */
export function asInvalid<T>(work: () => T): T {
  try {
    return work();
  } catch (err) {
    throw invalidArgument(messageOf(err));
  }
}

/** The text of anything thrown, with the texts of its causes behind it. */
export function describeError(err: unknown): string {
  if (!(err instanceof Error)) return String(err);
  if (err.cause === undefined || err instanceof RpcError) return err.message;
  return `${err.message}: ${describeError(err.cause)}`;
}
