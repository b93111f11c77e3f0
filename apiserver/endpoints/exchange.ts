// A request on its way through a verb, and what a verb answers. Verbs know nothing of HTTP beyond this.
import type { StatusBody } from '../../machinery/errors.ts';
import type { ReadText, TextError } from '../../machinery/json-reader.ts';
import type { Kind, ServedVersion } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { UserInfo } from '../authn/user.ts';
import type { RequestInfo } from '../request-info.ts';
import type { StoredObject } from '../storage/stored-object.ts';

export interface ApiRequest {
  info: RequestInfo;
  kind: Kind;
  version: ServedVersion;
  user: UserInfo;
  contentType: string;
  userAgent: string;
  body: Buffer;
  /** What has already been read from a large body in JSON or YAML, or why it cannot be. */
  read?: ReadText | TextError;
  /** Aborted when the client has gone away. */
  signal: AbortSignal;
  /** What the client is warned of, whatever it is answered: written as it is found. */
  warnings: string[];
  /** What admission has to tell the audit log; absent: nobody reads it. */
  auditAnnotations?: Record<string, string> | undefined;
  /** Throws 403 unless its user may also do this to the object that it names. */
  authorize(verb: string): void | Promise<void>;
}

export interface ListAnswer {
  items: StoredObject[];
  revision: number;
  continue?: string;
  remaining?: number;
}

export type Answer =
  | { type: 'object'; stored: StoredObject; code: 200 | 201 | 202 }
  | { type: 'list'; list: ListAnswer }
  | { type: 'status'; status: StatusBody }
  /** An object that is not stored: reviews, scales, tokens. */
  | { type: 'value'; value: KubeObject | object; code: 200 | 201 };

export const successStatus = (details: StatusBody['details']): StatusBody => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(details ? { details } : {}),
  code: 200,
});
