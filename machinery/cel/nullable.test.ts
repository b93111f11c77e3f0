// Objects that may be null: what a schema says so of, and the namespace of a request.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from './cel.ts';
import { declFromOpenApi } from './decl-openapi.ts';
import type { Env } from './env.ts';
import { crdEnv, policyEnv } from './kubernetes-env.ts';

function evaluate(source: string, env: Env, variables: Record<string, unknown>): unknown {
  const compiled = compile(source, env);
  assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues));
  const outcome = compiled.program.evaluate(variables);
  return outcome.ok ? outcome.value : outcome.message;
}

test('a nullable object in a schema has its fields', () => {
  const inner = { type: 'object', nullable: true, properties: { b: { type: 'integer' } } };
  const env = crdEnv(declFromOpenApi({ type: 'object', properties: { a: inner } }, 'Widget')!);
  assert.equal(evaluate('self.a.b == 1', env, { self: { a: { b: 1 } } }), true);
  assert.equal(evaluate('has(self.a)', env, { self: { a: null } }), false);
});

test('a cluster-scoped request has no namespace, and that can be asked for', () => {
  const rule = "namespaceObject == null || namespaceObject.metadata.name == 'x'";
  assert.equal(evaluate(rule, policyEnv(), { namespaceObject: null }), true);
  assert.equal(evaluate(rule, policyEnv(), { namespaceObject: { metadata: { name: 'x' } } }), true);
  assert.equal(evaluate(rule, policyEnv(), { namespaceObject: { metadata: { name: 'y' } } }), false);
});
