// etcd whose values are encrypted, for the resources that the configuration names: everything above works with what
// was meant, and everything below sees what lies on the disk. A value that no key fits comes as an error of its own.
// Upstream: the transformers of apiserver's value package. docs/adr/023-encryption-audit-fairness.md
import { internalError, messageOf } from '../../../machinery/errors.ts';
import type { Etcd, EtcdEvent, StoredValue, SwapResult } from '../etcd.ts';
import { resourceOfKey } from '../resource-of-key.ts';
import { type EncryptionConfig, groupOf } from './config.ts';
import { createTransformer, type Transformer } from './providers.ts';

/** How each key is stored; undefined: as it is. `groups` are those of the built-in kinds. */
function transformersOf(config: EncryptionConfig, groups: readonly string[]) {
  const byResource = new Map<string, Transformer>();
  for (const { resources = [], providers = [] } of config.resources ?? []) {
    const transformer = createTransformer(providers);
    for (const resource of resources) if (!byResource.has(resource)) byResource.set(resource, transformer);
  }
  const order = [...byResource.keys()];
  const oldGroups = new Set(groups);
  const found = new Map<string, Transformer | undefined>();
  return (key: string): Transformer | undefined => {
    const of = resourceOfKey(key, oldGroups);
    if (!of) return undefined;
    const resource = of.group === '' ? of.resource : `${of.resource}.${of.group}`;
    if (found.has(resource)) return found.get(resource);
    const names = new Set([resource, `*.${groupOf(resource)}`, '*.*']);
    const chosen = order.find((name) => names.has(name));
    const transformer = chosen === undefined ? undefined : byResource.get(chosen);
    found.set(resource, transformer);
    return transformer;
  };
}

export interface EncryptedEtcd extends Etcd {
  /** Stores and reads by another configuration from now on. */
  configure(config: EncryptionConfig): void;
}

export function encryptEtcd(etcd: Etcd, config: EncryptionConfig, groups: readonly string[]): EncryptedEtcd {
  let transformerOf = transformersOf(config, groups);
  const read = <T extends StoredValue>(entry: T): T => {
    const transformer = transformerOf(entry.key);
    if (!transformer) return entry;
    try {
      return { ...entry, ...transformer.read(entry.value, Buffer.from(entry.key)) };
    } catch (err) {
      const why = `unable to transform key ${JSON.stringify(entry.key)}: ${messageOf(err)}`;
      return { ...entry, unreadable: internalError(why, err) };
    }
  };
  const readResult = (result: SwapResult): SwapResult =>
    result.done || !result.current ? result : { done: false, current: read(result.current) };
  return {
    configure(next) {
      transformerOf = transformersOf(next, groups);
    },
    async get(key) {
      const entry = await etcd.get(key);
      return entry && read(entry);
    },
    currentRevision: () => etcd.currentRevision(),
    async range(from, to, options) {
      const page = await etcd.range(from, to, options);
      return { ...page, entries: page.entries.map(read) };
    },
    async put(key, value, modRevision) {
      const transformer = transformerOf(key);
      const bytes = transformer ? transformer.write(value, Buffer.from(key)) : value;
      return readResult(await etcd.put(key, bytes, modRevision));
    },
    delete: async (key, modRevision) => readResult(await etcd.delete(key, modRevision)),
    // What is kept for a time are signs of life, not objects.
    putForTime: (key, value, seconds) => etcd.putForTime(key, value, seconds),
    compact: (revision) => etcd.compact(revision),
    watchAll: (startRevision, handlers) =>
      etcd.watchAll(startRevision, {
        ...handlers,
        onEvents: (events, revision) =>
          handlers.onEvents(
            events.map((event: EtcdEvent) => (event.type === 'PUT' ? read(event) : event)),
            revision,
          ),
      }),
    close: () => etcd.close(),
  };
}
