// Conversations recorded with a real API server, played through the hooks of our kinds alone:
// decode, defaults, preparation, validation. What admission and allocators add is put in by hand,
// and steps that hang on them are left out by name.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeValue } from '../machinery/decode.ts';
import { causeReasons, type FieldError } from '../machinery/field-error.ts';
import { cloneJson } from '../machinery/json.ts';
import { apiVersionOf, type Kind, type ServedVersion } from '../machinery/kind.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { kinds } from './index.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './meta/validation.ts';

const file = '../shared/reference/golden/api.json';
const skip = existsSync(file) ? false : 'reference not present';

interface Step {
  method: string;
  path: string;
  body?: any;
  pick?: string;
  headers?: Record<string, string>;
  expect: { status: number; body: any };
}
interface Scenario {
  name: string;
  steps: Step[];
}

const uid = '00000000-0000-4000-8000-000000000000';
const nowMs = Date.parse('2026-01-01T00:00:00Z');

// [scenario, step]: what these answer is decided outside the kinds.
const leftOut = new Set([
  'pvc and limits 2', // defaults of a LimitRange
  'service refused 7', // the range of node ports
]);

/** The kind that a create on this path makes. */
function findKind(path: string): { kind: Kind; served: ServedVersion } | undefined {
  const match = /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(?:namespaces\/[^/]+\/)?([a-z]+)(?:\?.*)?$/.exec(path);
  if (!match) return undefined;
  for (const kind of kinds) {
    const served = kind.served.find((v) => v.group === (match[1] ?? '') && v.version === match[2]);
    if (served && kind.plural === match[3]) return { kind, served };
  }
  return undefined;
}

function admit(kind: Kind, draft: KubeObject): void {
  if (kind.kind === 'PersistentVolumeClaim') draft.metadata.finalizers = ['kubernetes.io/pvc-protection'];
  if (kind.kind !== 'Pod') return;
  draft.spec.serviceAccountName ??= 'default';
  draft.spec.tolerations = [
    ...(draft.spec.tolerations ?? []),
    ...['not-ready', 'unreachable'].map((condition) => ({
      key: `node.kubernetes.io/${condition}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
  ];
  draft.spec.priority ??= 0;
  draft.spec.preemptionPolicy ??= 'PreemptLowerPriority';
}

/** A create without storage: the object that would be kept, and what is wrong with it. */
function create(kind: Kind, served: ServedVersion, body: unknown): { object: KubeObject; errors: FieldError[] } {
  const given: KubeObject = decodeValue(served.schema, body).value;
  served.setDefaults?.(given);
  const draft: KubeObject = served.toStorage?.(given) ?? given;
  if (draft.metadata.generateName) draft.metadata.name = `${draft.metadata.generateName}abcde`;
  if (kind.namespaced) draft.metadata.namespace = 'ns';
  draft.metadata.uid = uid;
  draft.metadata.creationTimestamp = '2026-01-01T00:00:00Z';
  if (kind.hasGeneration) draft.metadata.generation = 1;
  admit(kind, draft);
  if (kind.subresources.status) draft.status = decodeValue(kind.storage.schema.fields.status!, {}).value;
  kind.prepareForCreate?.(draft, { nowMs });
  const scope = { namespaced: kind.namespaced, nameRule: kind.nameRule ?? 'subdomain' } as const;
  const errors = [...validateObjectMeta(draft.metadata, scope, 'metadata'), ...(kind.validate?.(draft) ?? [])];
  const shown = served.fromStorage?.(draft) ?? draft;
  return { object: { ...shown, kind: kind.kind, apiVersion: apiVersionOf(served) }, errors };
}

const causesOf = (errors: readonly FieldError[]) =>
  errors.map((e) => ({
    reason: causeReasons[e.type],
    message: e.detail.replaceAll(uid, '<any>'),
    field: e.field,
  }));

function pick(value: any, path: string | undefined): unknown {
  return path ? path.split('.').reduce((v, key) => v?.[key], value) : value;
}

/** Ours in the masks of the recording: what varies, what allocators give out. */
function mask(ours: any, recorded: any): any {
  if (recorded === '<any>') return '<any>';
  if (recorded === '{ns}' && ours === 'ns') return '{ns}';
  if (Array.isArray(ours)) return ours.map((item, i) => mask(item, recorded?.[i]));
  if (typeof ours !== 'object' || ours === null) return ours;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(ours)) if (value !== undefined) out[key] = mask(value, recorded?.[key]);
  return out;
}

/** What the server adds to any object, and the allocators to services. */
function addOutside(kind: Kind, object: any, recorded: any): void {
  object.metadata.resourceVersion = '<any>';
  if (kind.kind !== 'Service') return;
  for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
    if (recorded.spec?.[field] !== undefined) object.spec[field] ??= recorded.spec[field];
  }
  for (const [i, port] of (recorded.spec?.ports ?? []).entries()) {
    if (port.nodePort) object.spec.ports[i].nodePort ??= port.nodePort;
  }
}

/** The conversations, with the namespace that ours take place in wherever its name is a part of another. */
function loadScenarios(): Scenario[] {
  return JSON.parse(readFileSync(file, 'utf8').replace(/(?<!"){ns}|{ns}(?!")/g, 'ns'));
}

test('creates are defaulted and refused as recorded', { skip }, async (t) => {
  const scenarios = loadScenarios();
  let compared = 0;
  for (const scenario of scenarios) {
    for (const [i, step] of scenario.steps.entries()) {
      const found = step.method === 'POST' && typeof step.body === 'object' && findKind(step.path);
      const name = `${scenario.name} ${i}`;
      const known = step.expect.status === 201 || step.expect.status === 422;
      if (!found || !known || leftOut.has(name) || /dryRun=Some|fieldManager=xxx/.test(step.path)) continue;
      compared++;
      await t.test(name, () => {
        const { object, errors } = create(found.kind, found.served, cloneJson(step.body));
        const recorded = step.expect.body;
        if (step.expect.status === 422) {
          assert.deepEqual(causesOf(errors), recorded.details.causes);
          return;
        }
        assert.deepEqual(causesOf(errors), []);
        if (step.body.metadata.generateName || !found.kind.stored) return;
        if (!step.pick) addOutside(found.kind, object, recorded);
        assert.deepEqual(mask(pick(object, step.pick), recorded), recorded);
      });
    }
  }
  assert.ok(compared > 60, `${compared} creates compared`);
});

test('updates that change what may not change are refused as recorded', { skip }, async (t) => {
  const scenarios = loadScenarios();
  const steps = scenarios.find((s) => s.name === 'immutables')!.steps;
  const stored = new Map<string, KubeObject>();
  for (const [i, step] of steps.entries()) {
    const base = step.path.replace(/\/[^/]+$/, '');
    if (step.method === 'POST') {
      const found = findKind(step.path)!;
      const { object } = create(found.kind, found.served, cloneJson(step.body));
      addOutside(found.kind, object, { spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] } });
      stored.set(`${step.path}/${object.metadata.name}`, object);
      continue;
    }
    if (step.expect.status !== 422) continue;
    await t.test(`step ${i}: ${step.path}`, () => {
      const { kind } = findKind(base)!;
      const old = stored.get(step.path)!;
      const next = cloneJson(old);
      mergeInto(next, cloneJson(step.body));
      kind.prepareForUpdate?.(next, old, { nowMs });
      const errors = [
        ...validateObjectMetaUpdate(next.metadata, old.metadata, 'metadata'),
        ...(kind.validate?.(next) ?? []),
        ...(kind.validateUpdate?.(next, old) ?? []),
      ];
      assert.deepEqual(causesOf(errors), step.expect.body.details.causes);
    });
  }
});

function mergeInto(target: any, patch: any): void {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete target[key];
    else if (typeof value === 'object' && !Array.isArray(value) && target[key]) mergeInto(target[key], value);
    else target[key] = value;
  }
}
