// What the verbs of the API server work with: a narrow record of parts, not the server.
import type { Clock } from '../../machinery/clock.ts';
import type { Logger } from '../../machinery/log.ts';
import type { Random } from '../../machinery/random.ts';
import type { AdmissionChain } from '../admission/plugin.ts';
import { loopbackUser, type UserInfo } from '../authn/user.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { KindTable } from './kind-table.ts';

export interface ApiContext {
  store: ObjectStore;
  kinds: KindTable;
  admission: AdmissionChain;
  clock: Clock;
  random: Random;
  log: Logger;
}

/** How a write was asked for. */
export interface WriteOptions {
  /** The body, or the object that it changes, is so large that every step of the write may take long: others get their turn between them. */
  isLarge?: boolean;
  user: UserInfo;
  /** Aborted when who asked is gone: nothing is written for them any more. */
  signal?: AbortSignal;
  dryRun: boolean;
  /** It came as a patch. */
  isPatch?: boolean;
  fieldManager: string;
  /** What the kind and admission have to tell the client. */
  warnings: string[];
  /** API version that the request was sent in: for managedFields, and for admission. */
  apiVersion: string;
  /** The options of the request as an object, as admission is shown them. */
  sent?: object;
  /** The write is how a request of another kind is carried out, which admission has been shown. */
  untold?: boolean;
  /** What admission has to tell the audit log, by key. */
  auditAnnotations?: Record<string, string>;
}

/** How the server itself writes objects of a kind. */
export const writeAs = ({ apiVersion }: { apiVersion: string }, more: Partial<WriteOptions> = {}): WriteOptions => ({
  user: loopbackUser,
  dryRun: false,
  fieldManager: 'kube-apiserver',
  apiVersion,
  warnings: [],
  ...more,
});

const largeBytes = 128 * 1024;
export const isLarge = (bytes: number): boolean => bytes > largeBytes;
