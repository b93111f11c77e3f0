// What a client may send at most, in the forms that once took time or memory beyond all measure: every step of a write
// grows with the object, and nothing more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MutatingAdmissionPolicyKind } from '../../api/admissionregistration/mutatingadmissionpolicy.ts';
import { ValidatingAdmissionPolicyBindingKind } from '../../api/admissionregistration/validatingadmissionpolicybinding.ts';
import { ValidatingWebhookConfigurationKind } from '../../api/admissionregistration/validatingwebhookconfiguration.ts';
import { CertificateSigningRequestKind } from '../../api/certificates/certificatesigningrequest.ts';
import { PodKind } from '../../api/core/pod.ts';
import { ResourceQuotaKind } from '../../api/core/resourcequota.ts';
import { SecretKind } from '../../api/core/secret.ts';
import { decodeValue } from '../../machinery/decode.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { checkCreate, checkUpdate } from './prepare.ts';

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const metadata = { name: 'a', namespace: 'default', resourceVersion: '1' };
const container = { name: 'c', image: 'i' };

/** Decodes and checks the object as a new one, and as one that `change` has changed. Returns the refusal of that. */
function write(kind: Kind<any>, sent: object, change: (object: any) => void): string {
  const { schema, setDefaults } = kind.storage;
  const object: KubeObject = decodeValue(schema, sent).value;
  setDefaults?.(object);
  const next = cloneJson(object);
  change(next);
  const refusals: string[] = [];
  for (const check of [() => checkCreate(kind, object), () => checkUpdate(kind, next, object, {})]) {
    try {
      check();
    } catch (err) {
      refusals.push((err as Error).message);
    }
  }
  return refusals.join('\n');
}

const keep = () => undefined;
const owner = (i: number) => ({ apiVersion: 'v1', kind: 'Pod', name: `p${i}`, uid: `u${i}`, controller: true });
const table: [what: string, kind: Kind<any>, object: object, change: (object: any) => void, refusal: RegExp][] = [
  ['texts of a secret', SecretKind, { metadata, stringData: Object.fromEntries(many(50_000, (i) => [`k${i}`, 'v'])) }, keep, /^$/],
  ['tolerations', PodKind,
    { metadata, spec: { containers: [container], tolerations: many(25_000, (i) => ({ key: `k${i}`, operator: 'Exists' })) } },
    (object) => object.spec.tolerations.reverse(), /^$/],
  ['owners that all control', PodKind, { metadata: { ...metadata, ownerReferences: many(20_000, owner) }, spec: { containers: [container] } },
    keep, /Only one reference can have Controller set to true/],
  ['variables that change', PodKind,
    { metadata, spec: { containers: [{ ...container, env: many(30_000, (i) => ({ name: `V${i}`, value: 'v' })) }] } },
    (object) => object.spec.containers[0].env.reverse(), /not shown: the pod is too large/],
  ['empty containers', PodKind, { metadata, spec: { containers: many(20_000, () => ({})) } }, keep, /spec.containers\[0\].name: Required value, .*, and at least \d+ more\]/],
  ['more errors than a call has arguments', PodKind, { metadata, spec: { containers: [{ ...container, volumeMounts: many(90_000, () => ({})) }] } }, keep,
    /volumeMounts\[0\].name: Required value, .*, and at least \d+ more\]/],
  ['names of a rule', MutatingAdmissionPolicyKind, { metadata: { name: 'a' }, spec: { matchConstraints: { resourceRules: [{ resourceNames: many(150_000, (i) => `n${i}`) }] } } },
    keep, /spec.mutations: Required value/],
  ['versions of a review', ValidatingWebhookConfigurationKind, { metadata: { name: 'a' }, webhooks: [{ name: 'a.b.c', clientConfig: {}, admissionReviewVersions: many(150_000, (i) => `v${i}`) }] },
    keep, /clientConfig: Required value/],
  ['a version of a review, many times', ValidatingWebhookConfigurationKind, { metadata: { name: 'a' }, webhooks: [{ name: 'a.b.c', clientConfig: {}, admissionReviewVersions: many(190_000, () => 'v1') }] },
    keep, /duplicate version, .*and at least \d+ more\]/],
  ['actions of a binding', ValidatingAdmissionPolicyBindingKind, { metadata: { name: 'a' }, spec: { validationActions: many(150_000, (i) => `A${i}`) } }, keep, /and at least \d+ more\]/],
  ['a list that each error shows', ResourceQuotaKind, { metadata, spec: { scopes: many(150_000, (i) => `s${i}`) } }, keep, /unsupported scope, and \d+ more\]/],
  ['usages of a certificate', CertificateSigningRequestKind, { metadata: { name: 'a' }, spec: { usages: many(150_000, (i) => `u${i}`) } }, keep, /and at least \d+ more\]/],
]; // biome-ignore format: one table

for (const [what, kind, object, change, refusal] of table)
  test(`${what}: time is linear`, () => {
    const start = process.cpuUsage();
    assert.match(write(kind, object, change), refusal);
    const { user } = process.cpuUsage(start);
    assert.ok(user < 10_000_000, `${user} us`);
  });

test('the keys of a secret are keys like others', () => {
  const sent = JSON.parse('{"stringData":{"__proto__":"x","a":"b"},"data":{"c":"Yg=="}}');
  const object = decodeValue(SecretKind.storage.schema, sent).value;
  SecretKind.storage.setDefaults?.(object);
  assert.deepEqual(Object.entries(object.data), [['c', 'Yg=='], ['__proto__', 'eA=='], ['a', 'Yg==']]); // biome-ignore format: one line
  assert.equal(object.stringData, undefined);
});
