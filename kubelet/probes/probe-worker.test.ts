import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Probe } from '../../api/core/pod/probe.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { decodeHealthResponse, encodeHealthRequest } from './grpc-probe.ts';
import { failure, type ProbeResult, resolvePort, success, unknown } from './probe-result.ts';
import { type ProbeKind, ProbeWorker } from './probe-worker.ts';

const outcomes: Record<string, ProbeResult> = { '+': success(), '-': failure('no'), '?': unknown('what') };

interface Case {
  name: string;
  kind: ProbeKind;
  probe: Probe;
  /** One letter a probe. */
  results: string;
  initial: boolean;
  /** Seconds since the start, and the verdict. */
  want: [number, boolean][];
  probes?: number;
}

const cases: Case[] = [
  {
    name: 'ready at the first success',
    kind: 'Readiness',
    probe: { periodSeconds: 1 },
    results: '--+++',
    initial: false,
    want: [[2, true]],
  },
  {
    name: 'after the initial delay',
    kind: 'Readiness',
    probe: { periodSeconds: 1, initialDelaySeconds: 3 },
    results: '+',
    initial: false,
    want: [[3, true]],
  },
  {
    name: 'unready after three failures',
    kind: 'Readiness',
    probe: { periodSeconds: 1 },
    results: '+--+---',
    initial: false,
    want: [
      [0, true],
      [6, false],
    ],
  },
  {
    name: 'two successes are asked for',
    kind: 'Readiness',
    probe: { periodSeconds: 1, successThreshold: 2 },
    results: '+-++',
    initial: false,
    want: [[3, true]],
  },
  {
    name: 'unknown changes nothing',
    kind: 'Liveness',
    probe: { periodSeconds: 1, failureThreshold: 2 },
    results: '-?-',
    initial: true,
    want: [[2, false]],
  },
  {
    name: 'a liveness failure ends probing',
    kind: 'Liveness',
    probe: { periodSeconds: 1, failureThreshold: 1 },
    results: '-+++',
    initial: true,
    want: [[0, false]],
    probes: 1,
  },
  {
    name: 'a startup success ends probing',
    kind: 'Startup',
    probe: { periodSeconds: 2 },
    results: '-+++',
    initial: false,
    want: [[2, true]],
    probes: 2,
  },
  {
    name: 'a startup that never comes',
    kind: 'Startup',
    probe: { periodSeconds: 1, failureThreshold: 2 },
    results: '----',
    initial: false,
    want: [[1, false]],
    probes: 2,
  },
];

describe('ProbeWorker', () => {
  for (const c of cases) {
    test(c.name, async () => {
      const clock = new FakeClock();
      const startMs = clock.now();
      const verdicts: [number, boolean][] = [];
      let probes = 0;
      const worker = new ProbeWorker({
        kind: c.kind,
        probe: c.probe,
        clock,
        startedAtMs: startMs,
        initial: c.initial,
        run: async () => outcomes[c.results[probes++] ?? '?']!,
        onTrouble: () => undefined,
        onVerdict: (_, good) => verdicts.push([(clock.now() - startMs) / 1000, good]),
      });
      worker.start();
      for (let i = 0; i < 80; i++) await clock.advance(100);
      worker.stop();
      assert.deepEqual(verdicts, c.want);
      if (c.probes !== undefined) assert.equal(probes, c.probes);
    });
  }
});

test('messages of the gRPC health service', () => {
  assert.deepEqual(encodeHealthRequest(''), Buffer.alloc(0));
  assert.deepEqual(encodeHealthRequest('ab'), Buffer.from([0x0a, 2, 0x61, 0x62]));
  assert.deepEqual(encodeHealthRequest('x'.repeat(200)).subarray(0, 3), Buffer.from([0x0a, 0xc8, 0x01]));
  assert.equal(decodeHealthResponse(Buffer.from([0x08, 1])), 'SERVING');
  assert.equal(decodeHealthResponse(Buffer.from([0x08, 2])), 'NOT_SERVING');
  assert.equal(decodeHealthResponse(Buffer.alloc(0)), 'UNKNOWN');
});

test('a port by number, by name, or not at all', () => {
  const container = { name: 'c', ports: [{ name: 'http', containerPort: 8080 }] };
  assert.equal(resolvePort(80, container), 80);
  assert.equal(resolvePort('http', container), 8080);
  assert.throws(() => resolvePort('nope', container), { message: 'couldn\'t find port: "nope" in container c' });
});
