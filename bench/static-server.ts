// The floor of a request: the API server's HTTP front with an answer that is always the same. Reads certificates from
// the folder that it is given, and says its port once it listens.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { serveFront } from '../apiserver/http/front.ts';
import { realClock } from '../machinery/clock.ts';

const [pki = '', bytes = '1500'] = process.argv.slice(2);
const read = (file: string) => readFileSync(join(pki, file));
const body = Buffer.alloc(Number(bytes), 0x20);

const port = await new Promise<number>((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port: free } = probe.address() as { port: number };
    probe.close(() => resolve(free));
  });
});
await serveFront(
  {
    clock: realClock,
    tls: { cert: read('apiserver.crt'), key: read('apiserver.key'), ca: read('ca.crt') },
    addresses: ['127.0.0.1'],
    port,
  },
  {
    request: async () => ({ code: 200, headers: { 'content-type': 'application/json' }, body }),
    upgrade: (_request, socket) => void socket.destroy(),
  },
);
console.log(port);
