// Everything that etcd holds from the start: the built-in kinds, and what the server keeps for itself.
import { kinds } from '../api/index.ts';
import type { Kind } from '../machinery/kind.ts';
import { internalKinds } from './allocation/locks.ts';

export const storedKinds: readonly Kind[] = [...kinds.filter((kind) => kind.stored), ...internalKinds];
