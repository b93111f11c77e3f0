import assert from 'node:assert/strict';
import { test } from 'node:test';
import { s, type TypeOf } from './schema.ts';

test('an object schema gives the TypeScript type of its values', () => {
  const port = s.object('x.Port', 'A port.', {
    name: s.string('Name.', { required: true }),
    protocol: s.string('Protocol.', { enum: ['TCP', 'UDP'], default: 'TCP' }),
  });
  const service = s.object('x.Service', 'A service.', {
    ports: s.list(port, 'Ports.', { required: true }),
    main: s.field(port, 'The first.'),
  });
  const value: TypeOf<typeof service> = { ports: [{ name: 'a', protocol: 'UDP' }] };
  // @ts-expect-error SCTP is not in the enum
  const wrong: TypeOf<typeof service> = { ports: [{ name: 'a', protocol: 'SCTP' }] };
  // @ts-expect-error ports is required
  const missing: TypeOf<typeof service> = {};
  assert.equal(value.ports[0]?.name, 'a');
  assert.ok(wrong && missing);
  assert.equal(service.fields.main?.doc, 'The first.');
});
