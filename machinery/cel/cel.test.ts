import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from './cel.ts';
import { declFromOpenApi } from './decl-openapi.ts';
import { crdEnv } from './kubernetes-env.ts';

const env = crdEnv(declFromOpenApi({ type: 'object', properties: { replicas: { type: 'integer' } } }, 'rule')!);

test('a rule is compiled once and evaluated with values', () => {
  const compiled = compile('self.replicas > oldSelf.replicas', env);
  assert.ok(compiled.ok);
  const result = compiled.program.evaluate({ self: { replicas: 2 }, oldSelf: { replicas: 1 } });
  assert.deepEqual(result, { ok: true, value: true, cost: 5 });
});
