// Applies to custom resources that take no field that nobody knows.
import assert from 'node:assert/strict';
import type { Space } from './cluster.ts';
import { definePrimed, definition, resourcesOf, typeOf, undefine } from './custom-resources.ts';

export const json = 'application/json-patch+json';
export const text = { type: 'string' };
export const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

/** What resources of these tests hold. */
export const cronSchema = (more: object = {}, root: object = {}) =>
  object({
    spec: object(
      {
        foo: text,
        cronSpec: { ...text, pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$' },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
          items: object(
            {
              containerPort: { type: 'integer', format: 'int32' },
              hostIP: text,
              hostPort: { type: 'integer', format: 'int32' },
              name: text,
              protocol: text,
            },
            { required: ['containerPort', 'protocol'] },
          ),
        },
        ...more,
      },
      root,
    ),
  });
export const preserving = { 'x-kubernetes-preserve-unknown-fields': true };
const ports = 'ports:\n  - name: x\n    containerPort: 80\n    protocol: TCP';

/** Applies a text of YAML, strictly, to a definition of two versions; gives the answer. */
export async function applyStrictly(
  space: Space,
  schema: object,
  { metadata = '', root = '', spec }: { metadata?: string; root?: string; spec: string },
) {
  const versions = ['v1beta1', 'v1'].map((name) => ({ name, schema, hasStatus: true, isStored: name === 'v1' }));
  const crd = await definePrimed(space, definition({ versions }));
  const { apiVersion, kind } = typeOf(crd);
  const body = `
apiVersion: ${apiVersion}
kind: ${kind}
metadata:
  name: mytest
${metadata}  finalizers:
  - test-finalizer
${root}spec:
  ${spec}
  cronSpec: "* * * * */5"
  ${ports}`;
  const path = `${resourcesOf(space, crd)}/mytest`;
  const query = 'fieldManager=field_validation_mgr&fieldValidation=Strict';
  const answer = await space.request('PATCH', `${path}?${query}`, {
    body,
    contentType: 'application/apply-patch+yaml',
  });
  if (answer.code < 300) {
    // Another apply of the same finds it; what it holds is gone with its finalizer.
    const again = await space.ask('PATCH', `${path}?${query}`, { body, contentType: 'application/apply-patch+yaml' });
    assert.equal(again.metadata.resourceVersion, answer.body.metadata.resourceVersion);
    await space.ask('DELETE', path);
    const held = await space.get(path);
    assert.deepEqual(held.metadata.finalizers.includes('test-finalizer'), true);
    const drop = [{ op: 'remove', path: '/metadata/finalizers' }];
    await space.ask('PATCH', path, { body: drop, contentType: json });
  }
  assert.equal((await space.request('GET', path)).code, 404);
  await undefine(space, crd);
  return answer;
}
