// CEL: rules compiled and evaluated in this process, without a cluster.

import { PodKind } from '../api/core/pod.ts';
import { compile } from '../machinery/cel/cel.ts';
import { declFromOpenApi } from '../machinery/cel/decl-openapi.ts';
import { declFromSchema } from '../machinery/cel/decl-schema.ts';
import { crdEnv, policyEnv } from '../machinery/cel/kubernetes-env.ts';
import { perCallCostLimit } from '../machinery/cel/limits.ts';
import { PolicyVariables } from '../machinery/cel/policy-variables.ts';
import type { CelType } from '../machinery/cel/types.ts';
import { realClock } from '../machinery/clock.ts';
import type { Result } from './measure.ts';

const schema = {
  type: 'object',
  properties: {
    replicas: { type: 'integer' },
    name: { type: 'string', maxLength: 63 },
    ports: {
      type: 'array',
      maxItems: 100,
      items: { type: 'object', properties: { name: { type: 'string', maxLength: 15 }, port: { type: 'integer' } } },
    },
  },
} as const;
const rule = "self.replicas <= 10 && self.name.startsWith('a') && self.ports.all(p, p.port > 0 && p.port < 65536)";
const object = {
  replicas: 3,
  name: 'abc',
  ports: Array.from({ length: 10 }, (_, i) => ({ name: `p${i}`, port: 8000 + i })),
};

function perSecond(count: number, act: () => void): number {
  for (let i = 0; i < count / 10; i++) act();
  const startMs = realClock.monotonicMs();
  for (let i = 0; i < count; i++) act();
  return count / ((realClock.monotonicMs() - startMs) / 1000);
}

const policyVariables = { images: 'object.spec.containers.map(c, c.image)' };
const policy = "variables.images.all(i, i.startsWith('registry.test/')) && object.metadata.name != ''";
const pod = {
  metadata: { name: 'a' },
  spec: { containers: [{ name: 'c', image: 'registry.test/c:1' }] },
};

/** A policy with a variable, over a pod whose fields are checked. */
function policyEvaluation(): () => void {
  const object = declFromSchema(PodKind.served[0]!.schema);
  const compileOk = (source: string, types: ReadonlyMap<string, CelType>) => {
    const compiled = compile(source, policyEnv({ object, variables: types }));
    if (!compiled.ok) throw new Error(String(compiled.issues));
    return compiled;
  };
  const images = compileOk(policyVariables.images, new Map());
  const validation = compileOk(policy, new Map([['images', images.type]]));
  return () => {
    const given = { object: pod };
    const variables = new PolicyVariables(new Map([['images', images.program]]), given, () => perCallCostLimit);
    const result = validation.program.evaluate({ ...given, variables });
    if (!result.ok || result.value !== true) throw new Error('the policy does not hold');
  };
}

export async function measureCel(): Promise<Result[]> {
  const env = crdEnv(declFromOpenApi(schema, 'bench')!);
  const compiled = compile(rule, env);
  if (!compiled.ok) throw new Error(String(compiled.issues));
  return [
    { what: 'CEL: compile a rule', value: perSecond(2_000, () => compile(rule, env)), unit: '/s', better: 'more' },
    {
      what: 'CEL: evaluate it over 10 items',
      value: perSecond(50_000, () => compiled.program.evaluate({ self: object })),
      unit: '/s',
      better: 'more',
    },
    {
      what: 'CEL: evaluate a policy with a variable',
      value: perSecond(50_000, policyEvaluation()),
      unit: '/s',
      better: 'more',
    },
  ];
}
