// Who may write policies with parameters.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusError } from '../../../machinery/errors.ts';
import { startMemoryApi } from '../../../test/builders/memory-api.ts';

const registration = '/apis/admissionregistration.k8s.io/v1';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const user = { username: 'alice', groups: ['system:authenticated'] };
const shown = '&{alice  [system:authenticated] map[]}';
const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };

async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'written',
    (err: StatusError) => `${err.code} ${err.message}`,
  );
}

for (const sort of ['Validating', 'Mutating'] as const) {
  test(`${sort}: the writer must be able to read the parameters`, async () => {
    const api = await startMemoryApi();
    const path = `${registration}/${sort.toLowerCase()}admissionpolic`;
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'Secret' },
      matchConstraints: { resourceRules: [rule] },
      ...(sort === 'Validating'
        ? { validations: [{ expression: 'true' }] }
        : {
            mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "test", path: "/x"}]' } }],
            reinvocationPolicy: 'Never',
          }),
    };
    const matchConstraints = { resourceRules: [{ ...rule, operations: ['CREATE'] }] };
    const policy = { metadata: { name: 'p' }, spec: { ...spec, matchConstraints } };
    const writePolicy = () => outcome(api.send('POST', `${path}ies`, { body: policy, user }));
    const actions = sort === 'Validating' ? { validationActions: ['Deny'] } : {};
    const paramRef = { name: 's', namespace: 'default', parameterNotFoundAction: 'Deny' };
    const binding = { metadata: { name: 'b' }, spec: { policyName: 'p', paramRef, ...actions } };
    const writeBinding = () => outcome(api.send('POST', `${path}ybindings`, { body: binding, user }));
    const kind = `${sort}AdmissionPolicy`;
    const name = (what: string) => `422 ${what}.admissionregistration.k8s.io`;

    assert.equal(
      await writePolicy(),
      `${name(kind)} "p" is invalid: spec.paramKind: Forbidden: user ${shown} must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)`,
    );
    assert.equal(
      await writeBinding(),
      `${name(`${kind}Binding`)} "b" is invalid: spec.paramRef: Forbidden: user ${shown} does not have "get" permission on the object referenced by paramRef`,
    );
    const role = { metadata: { name: 'r' }, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }] };
    await api.send('POST', `${rbac}/clusterroles`, { body: role });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' };
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'alice' }];
    await api.send('POST', `${rbac}/clusterrolebindings`, { body: { metadata: { name: 'r' }, roleRef, subjects } });
    await api.context.store.cache.waitConsistent();
    assert.equal(await writePolicy(), 'written');
    assert.equal(await writeBinding(), 'written');
    await api.send('DELETE', `${rbac}/clusterrolebindings/r`);
    await api.context.store.cache.waitConsistent();
    const label = { body: { metadata: { labels: { a: 'b' } } }, contentType: 'application/merge-patch+json', user };
    assert.equal(await outcome(api.send('PATCH', `${path}ies/p`, label)), 'written', 'what stays needs no right');
    assert.equal(await outcome(api.send('PATCH', `${path}ybindings/b`, label)), 'written');
  });
}
