import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellsOfBody, changeRefusals, createRefusals } from '../../test/builders/kind-rules.ts';
import { RuntimeClassKind } from './runtimeclass.ts';

test('a runtime class names a handler, what it costs and where it is', () => {
  const fine = {
    handler: 'kata',
    overhead: { podFixed: { memory: '128Mi', cpu: '250m' } },
    scheduling: { nodeSelector: { runtime: 'kata' }, tolerations: [{ key: 'kata', operator: 'Exists' }] },
  };
  assert.deepEqual(createRefusals(RuntimeClassKind, fine), []);
  assert.deepEqual(cellsOfBody(RuntimeClassKind, fine), ['kata', '10m']);
  const table: [object, RegExp[]][] = [
    [{}, [/^handler: Invalid value: "": a lowercase RFC 1123 label must consist/]],
    [{ handler: 'a.b' }, [/^handler: Invalid value: "a.b": must not contain dots$/]],
    [
      { handler: 'a', overhead: { podFixed: { cpu: '-1', disk: '1' } } },
      [
        /^overhead.limits\[cpu\]: Invalid value: "-1": must be greater than or equal to 0$/,
        /^overhead.limits\[disk\]: Invalid value: "disk": must be a standard resource type or fully qualified$/,
        /^overhead.limits\[disk\]: Invalid value: "disk": must be a standard resource for containers$/,
      ],
    ],
    [
      { handler: 'a', scheduling: { nodeSelector: { '-': 'x' }, tolerations: [{}] } },
      [/^scheduling.nodeSelector: Invalid value: "-"/, /^scheduling.tolerations\[0\].operator: /],
    ],
  ];
  for (const [body, want] of table) {
    const found = createRefusals(RuntimeClassKind, body);
    assert.equal(found.length, want.length, found.join('\n'));
    for (const [i, line] of want.entries()) assert.match(found[i]!, line);
  }
});

test('its handler stays, its costs may change', () => {
  const change = (to: object) => changeRefusals(RuntimeClassKind, { handler: 'a' }, to);
  assert.deepEqual(change({ handler: 'a', overhead: { podFixed: { cpu: '1' } } }), []);
  assert.deepEqual(change({ handler: 'b' }), ['handler: Invalid value: "b": field is immutable']);
});
