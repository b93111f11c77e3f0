// Definitions of custom resources as the programme makes them, and what it waits for.
import assert from 'node:assert/strict';
import { eventually } from '../environment/kubectl.ts';
import { ApiWatch } from './api-watch.ts';
import type { Space } from './cluster.ts';

export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** The schema of the programme's definitions that care for none. */
export const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
export const condition = (object: any, type: string) =>
  object.status?.conditions?.find((one: any) => one.type === type);

interface Version {
  name: string;
  schema?: object;
  isStored?: boolean;
  hasStatus?: boolean;
}

interface Wish {
  group?: string;
  isNamespaced?: boolean;
  versions: Version[];
  labels?: Record<string, string>;
  conversion?: object;
}

let made = 0;

/** A definition under a name that no other test has. The first version is stored, unless one says that it is. */
export function definition({ group = 'mygroup.example.com', isNamespaced, versions, labels, conversion }: Wish): any {
  const singular = `foo${++made}a`;
  const stored = versions.find(({ isStored }) => isStored) ?? versions[0];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${singular}s.${group}`, ...(labels ? { labels } : {}) },
    spec: {
      group,
      scope: isNamespaced ? 'Namespaced' : 'Cluster',
      names: { plural: `${singular}s`, singular, kind: singular, listKind: `${singular}List` },
      ...(conversion ? { conversion } : {}),
      versions: versions.map((one) => ({
        name: one.name,
        served: true,
        storage: one === stored,
        schema: { openAPIV3Schema: one.schema ?? anything },
        ...(one.hasStatus ? { subresources: { status: {} } } : {}),
      })),
    },
  };
}

/** Where its resources are; in the namespace of the test if they are namespaced. */
export function resourcesOf(space: Space, { spec }: any, version: string = spec.versions[0].name): string {
  const base = `/apis/${spec.group}/${version}`;
  return spec.scope === 'Cluster' ? `${base}/${spec.names.plural}` : space.path(base, spec.names.plural);
}

/** What a resource of it says it is. */
export const typeOf = ({ spec }: any, version: string = spec.versions[0].name) => ({
  apiVersion: `${spec.group}/${version}`,
  kind: spec.names.kind,
});

function untilDiscovered(space: Space, { metadata, spec }: any, version: string, isThere: boolean): Promise<unknown> {
  return eventually(`${metadata.name} in ${version}: ${isThere}`, async () => {
    const { code, body } = await space.request('GET', `/apis/${spec.group}/${version}`);
    assert.ok(code === 200 || code === 404, JSON.stringify(body));
    return (code === 200 && body.resources.some((one: any) => one.name === spec.names.plural)) === isThere;
  });
}

/** Creates it and waits until discovery shows each version. Gives what the server answered. */
export async function define(space: Space, body: any): Promise<any> {
  const crd = await space.ask('POST', definitions, { body });
  for (const { name } of crd.spec.versions) await untilDiscovered(space, crd, name, true);
  return crd;
}

/** The same, and its resources are created, watched from a list on, and deleted, in each version. */
export async function definePrimed(space: Space, body: any): Promise<any> {
  const crd = await define(space, body);
  for (const { name } of crd.spec.versions) {
    const resources = resourcesOf(space, crd, name);
    const { resourceVersion } = (await space.get(resources)).metadata;
    using watch = await ApiWatch.open(space, `${resources}?resourceVersion=${resourceVersion}`);
    const instance = { ...typeOf(crd, name), metadata: { name: 'setup-instance' }, alpha: 'foo_123', beta: 10 };
    await space.ask('POST', resources, { body: instance });
    await watch.until('it is added', ({ type }) => type === 'ADDED');
    await space.ask('DELETE', `${resources}/setup-instance`);
    await watch.until('it is deleted', ({ type }) => type === 'DELETED');
  }
  return crd;
}

/** Deletes it and waits until it is no longer discovered. */
export async function undefine(space: Space, crd: any): Promise<void> {
  await space.ask('DELETE', `${definitions}/${crd.metadata.name}`);
  for (const { name } of crd.spec.versions) await untilDiscovered(space, crd, name, false);
}
