import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podField } from './pod-fields.ts';

test('maps are lines in the order of their keys, quoted as Go quotes', () => {
  const annotations = { z: 'ü "q"\n', a: '\u0001\u007f\u00a0' };
  const pod = { metadata: { name: 'p', annotations }, spec: { containers: [] }, status: {} };
  const text = podField(pod, 'metadata.annotations', { podIps: [], hostIps: [] });
  assert.equal(text, 'a="\\x01\\x7f\\u00a0"\nz="ü \\"q\\"\\n"');
});
