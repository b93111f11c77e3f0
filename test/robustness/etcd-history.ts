// What happened in etcd, revision by revision, as one watch of everything has told it: what the answers of API
// servers are held against.
import type { KubeObject } from '../../machinery/metadata.ts';
import { type Resource, resources } from './history.ts';
import { shapes } from './resources.ts';

export interface EtcdWrite {
  revision: number;
  key: string;
  /** Undefined: deleted. */
  value: Buffer | undefined;
  /** When the suite heard of it: it had happened by then. */
  seen: number;
  seenMs: number;
}

/** An object from one write to the next. */
export interface Version {
  resource: Resource;
  name: string;
  revision: number;
  /** Of the next version; Infinity for the last one. */
  until: number;
  /** Undefined: it is gone. */
  object: KubeObject | undefined;
  previous: Version | undefined;
  next: Version | undefined;
  seen: number;
}

export interface ObjectChange {
  resource: Resource;
  name: string;
  revision: number;
  object: KubeObject | undefined;
  seen: number;
}

export class EtcdHistory {
  /** Of all objects, in order of their revisions. */
  readonly versions: Version[] = [];
  /** The last revision there is, of whatever key. */
  readonly lastRevision: number;
  readonly #byObject = new Map<string, Version[]>();

  constructor(changes: readonly ObjectChange[], lastRevision: number) {
    this.lastRevision = lastRevision;
    for (const change of changes) {
      const key = `${change.resource}/${change.name}`;
      const all = this.#byObject.get(key) ?? [];
      this.#byObject.set(key, all);
      const previous = all.at(-1);
      const version: Version = { ...change, until: Infinity, previous, next: undefined };
      if (previous) {
        previous.until = change.revision;
        previous.next = version;
      }
      all.push(version);
      this.versions.push(version);
    }
  }

  /** Of one object, oldest first. */
  of(resource: Resource, name: string): readonly Version[] {
    return this.#byObject.get(`${resource}/${name}`) ?? [];
  }

  /** The names that were ever there. */
  names(resource: Resource): string[] {
    const prefix = `${resource}/`;
    return [...this.#byObject.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  /** The version of an object at a revision; undefined before its first one. */
  at(resource: Resource, name: string, revision: number): Version | undefined {
    return this.of(resource, name).findLast((version) => version.revision <= revision);
  }

  /** The objects of a resource at a revision, by name. */
  stateAt(resource: Resource, revision: number): Map<string, KubeObject> {
    const state = new Map<string, KubeObject>();
    for (const name of this.names(resource).sort()) {
      const object = this.at(resource, name, revision)?.object;
      if (object) state.set(name, object);
    }
    return state;
  }
}

/** The objects of one namespace among all that was written to etcd. */
export function etcdHistory(writes: readonly EtcdWrite[], namespace: string): EtcdHistory {
  const changes: ObjectChange[] = [];
  for (const { key, value, revision, seen } of writes) {
    const resource = resources.find((one) => key.startsWith(`${shapes[one].keyPrefix}${namespace}/`));
    if (!resource) continue;
    const name = key.slice(key.lastIndexOf('/') + 1);
    changes.push({ resource, name, revision, seen, object: value && parse(value, revision) });
  }
  return new EtcdHistory(changes, writes.at(-1)?.revision ?? 0);
}

/** An object lies in etcd without its version. */
function parse(value: Buffer, revision: number): KubeObject {
  const object = JSON.parse(value.toString()) as KubeObject;
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}
