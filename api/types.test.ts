// Our schemas against the published facts: every field of every kind, and how each resource is served.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { apiVersionOf, type Kind, type ServedVersion } from '../machinery/kind.ts';
import type { AnySchema, ObjectSchema } from '../machinery/schema.ts';
import { kinds, subresourceKinds } from './index.ts';

const reference = '../shared/reference';
const skip = existsSync(`${reference}/api-types.json`) ? false : 'reference not present';
const load = (name: string) => JSON.parse(readFileSync(`${reference}/${name}`, 'utf8'));

interface PublishedField {
  type?: string;
  ref?: string;
  format?: string;
  enum?: string[];
  items?: PublishedField;
  values?: PublishedField;
  [option: string]: unknown;
}
interface PublishedType {
  fields?: Record<string, PublishedField>;
  required?: string[];
  mapType?: string;
  gvk?: { group: string; version: string; kind: string }[];
}

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const scalarRefs: Record<string, string> = {
  [`${meta}.Time`]: 'date-time',
  [`${meta}.MicroTime`]: 'micro-time',
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'int-or-string',
};

/** One comparable line for a field, in our terms. */
function describeOurs(schema: AnySchema): Record<string, unknown> {
  const options = {
    enum: schema.enum,
    listType: schema.listType,
    listMapKeys: schema.listMapKeys,
    patchStrategy: schema.patchStrategy,
    patchMergeKey: schema.patchMergeKey,
    mapType: schema.type === 'map' ? schema.mapType : undefined,
  };
  switch (schema.type) {
    case 'object':
    case 'any':
      return { type: schema.name, ...options };
    case 'list':
      return { type: 'array', items: describeOurs(schema.items), ...options };
    case 'map':
      return { type: 'map', values: describeOurs(schema.values), ...options };
    default:
      return { type: schema.type, format: 'format' in schema ? schema.format : undefined, ...options };
  }
}

function describePublished(field: PublishedField): Record<string, unknown> {
  const options = {
    enum: field.enum,
    listType: field.listType,
    listMapKeys: field.listMapKeys,
    patchStrategy: field.patchStrategy,
    patchMergeKey: field.patchMergeKey,
    mapType: field.type === 'map' ? field.mapType : undefined,
  };
  if (field.ref && scalarRefs[field.ref]) return { type: 'string', format: scalarRefs[field.ref], ...options };
  if (field.ref) return { type: field.ref, ...options };
  if (field.type === 'array') return { type: 'array', items: describePublished(field.items!), ...options };
  if (field.type === 'map') return { type: 'map', values: describePublished(field.values!), ...options };
  return { type: field.type, format: field.format, ...options };
}

/** Compares one type and everything below it; differences are collected as lines. */
function compareType(schema: ObjectSchema, types: Record<string, PublishedType>, found: string[], seen: Set<string>) {
  if (seen.has(schema.name)) return;
  seen.add(schema.name);
  const published = types[schema.name];
  if (!published) {
    found.push(`${schema.name}: not published`);
    return;
  }
  if ((schema.mapType ?? '') !== (published.mapType ?? '')) found.push(`${schema.name}: mapType ${published.mapType}`);
  const names = new Set([...Object.keys(schema.fields), ...Object.keys(published.fields ?? {})]);
  for (const name of names) {
    const ours = schema.fields[name];
    const theirs = published.fields?.[name];
    if (!ours || !theirs) {
      found.push(`${schema.name}.${name}: ${ours ? 'not published' : 'missing'}`);
      continue;
    }
    const a = JSON.stringify({ ...describeOurs(ours), required: ours.required ?? false });
    const b = JSON.stringify({ ...describePublished(theirs), required: published.required?.includes(name) ?? false });
    if (a !== b) found.push(`${schema.name}.${name}: ours ${a}, published ${b}`);
    if (ours.doc === '') found.push(`${schema.name}.${name}: no doc`);
    compareBelow(ours, types, found, seen);
  }
}

function compareBelow(schema: AnySchema, types: Record<string, PublishedType>, found: string[], seen: Set<string>) {
  if (schema.type === 'object') compareType(schema, types, found, seen);
  if (schema.type === 'list') compareBelow(schema.items, types, found, seen);
  if (schema.type === 'map') compareBelow(schema.values, types, found, seen);
}

test('schemas equal the published types, field for field', { skip }, () => {
  const types: Record<string, PublishedType> = load('api-types.json');
  const found: string[] = [];
  const seen = new Set<string>();
  for (const kind of [...kinds, ...subresourceKinds]) {
    for (const { group, version, schema } of kind.served) {
      compareType(schema, types, found, seen);
      const gvk = types[schema.name]?.gvk?.some(
        (g) => g.group === group && g.version === version && g.kind === kind.kind,
      );
      if (!gvk) found.push(`${schema.name}: is not ${apiVersionOf({ group, version })} ${kind.kind}`);
    }
  }
  assert.deepEqual(found, []);
  assert.ok(seen.size > 250, `${seen.size} types compared`);
});

interface PublishedResource {
  resource: string;
  group: string;
  version: string;
  scope: string;
  singularResource: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  responseKind: { group: string; version: string; kind: string };
  subresources?: {
    subresource: string;
    verbs: string[];
    responseKind: { group: string; version: string; kind: string };
  }[];
  columns?: { name: string; type: string; format: string; priority: number }[];
}

function describeResource(kind: Kind, served: ServedVersion) {
  const status = kind.subresources.status
    ? [{ name: 'status', verbs: ['get', 'patch', 'update'], kind: kind.kind }]
    : [];
  const scale = kind.subresources.scale ? [{ name: 'scale', verbs: ['get', 'patch', 'update'], kind: 'Scale' }] : [];
  const custom = (kind.subresources.custom ?? []).map((s) => ({
    name: s.name,
    verbs: s.verbs,
    kind: s.kind?.kind ?? kind.kind,
  }));
  const columns = kind.columns?.map((c) => ({
    name: c.name,
    type: c.type,
    format: c.format ?? '',
    priority: c.priority ?? 0,
  }));
  const nameColumn = { name: 'Name', type: 'string', format: 'name', priority: 0 };
  const plain = [{ name: 'Created At', type: 'date', format: '', priority: 0 }];
  return {
    resource: kind.plural,
    group: served.group,
    scope: kind.scope,
    singular: kind.singular,
    verbs: kind.verbs,
    shortNames: kind.shortNames,
    categories: kind.categories,
    subresources: [...status, ...scale, ...custom].sort((a, b) => (a.name < b.name ? -1 : 1)),
    columns:
      kind.stored || kind.columns
        ? columns?.some((c) => c.name === 'Name')
          ? columns
          : [nameColumn, ...(columns ?? plain)]
        : [],
  };
}

test('resources are served as published: names, verbs, subresources, columns', { skip }, () => {
  const resources: PublishedResource[] = load('discovery.json');
  for (const kind of kinds) {
    for (const served of kind.served) {
      const published = resources.find(
        (r) => r.group === served.group && r.version === served.version && r.resource === kind.plural,
      );
      assert.ok(published, `${kind.plural} in ${apiVersionOf(served)}`);
      assert.deepEqual(describeResource(kind, served), {
        resource: published.resource,
        group: published.group,
        scope: published.scope,
        singular: published.singularResource,
        verbs: published.verbs,
        shortNames: published.shortNames ?? [],
        categories: published.categories ?? [],
        subresources: (published.subresources ?? []).map((s) => ({
          name: s.subresource,
          verbs: s.verbs,
          kind: s.responseKind.kind,
        })),
        columns: published.columns ?? [],
      });
    }
  }
});

test('every kind says what it is for, and every column too', () => {
  for (const kind of [...kinds, ...subresourceKinds]) {
    for (const { schema } of kind.served) assert.ok(schema.doc, kind.kind);
    for (const column of kind.columns ?? []) assert.match(column.doc, /\S/, `${kind.kind} ${column.name}`);
  }
});
