import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { PodSandboxConfig, PortMapping } from '../../../proto/cri.gen.ts';
import { checkHostname, checkPortMappings, checkSysctls, checkText, refusedSysctl } from './sandbox-inputs.ts';

const refused = (message: RegExp) => ({ code: status.INVALID_ARGUMENT, message });

describe('port mappings', () => {
  const of = (change: object) =>
    ({ protocol: 'TCP', container_port: 80, host_port: 8080, host_ip: '', ...change }) as PortMapping;
  const good = [
    {},
    { host_ip: '0.0.0.0' },
    { host_ip: '::' },
    { host_ip: '10.0.0.1' },
    { protocol: 'SCTP' },
    { host_port: 0, container_port: 0 },
  ];
  for (const change of good) test(`${JSON.stringify(change)} is taken`, () => checkPortMappings([of(change)]));
  const bad: [change: object, message: RegExp][] = [
    [{ host_port: -1 }, /host port -1: it must be between 1 and 65535/],
    [{ host_port: 65_536 }, /between 1 and 65535/],
    [{ container_port: 0 }, /container_port 0/],
    [{ container_port: 2 ** 31 - 1 }, /container_port 2147483647/],
    [{ protocol: 'tcp; flush ruleset' }, /unknown protocol/],
    [{ host_ip: '10.0.0.1 : 1; flush ruleset #' }, /is no IPv4 address/],
    [{ host_ip: '::1' }, /is no IPv4 address/],
  ];
  for (const [change, message] of bad)
    test(`${JSON.stringify(change)} is refused`, () =>
      assert.throws(() => checkPortMappings([of(change)]), refused(message)));
  test('one port is asked for once', () => {
    checkPortMappings([of({}), of({ protocol: 'UDP' }), of({ host_ip: '10.0.0.1' }), of({ host_port: 8081 })]);
    assert.throws(
      () => checkPortMappings([of({}), of({ host_ip: '0.0.0.0', container_port: 81 })]),
      refused(/asked for twice/),
    );
  });
});

test('a hostname has at most 64 bytes', () => {
  for (const name of ['', 'a'.repeat(64), 'ü'.repeat(32)]) checkHostname(name);
  for (const name of ['a'.repeat(65), 'ü'.repeat(33)])
    assert.throws(() => checkHostname(name), refused(/64 are the most/));
});

test('sysctls are those of the namespaces that a sandbox has of its own', () => {
  const procSys = mkdtempSync(join(tmpdir(), 'k8ts-sysctl-'));
  try {
    for (const name of ['net/ipv4/ip_forward', 'kernel/sem', 'kernel/hostname']) {
      mkdirSync(join(procSys, name, '..'), { recursive: true });
      writeFileSync(join(procSys, name), '');
    }
    const config = (name: string, options: object = {}) =>
      ({
        linux: { sysctls: { [name]: '1' }, security_context: { namespace_options: options } },
      }) as unknown as PodSandboxConfig;
    for (const name of ['net.ipv4.ip_forward', 'net/ipv4/ip_forward', 'kernel.sem'])
      checkSysctls(config(name), procSys);
    const bad: [config: PodSandboxConfig, message: RegExp][] = [
      [config('net.ipv4.none'), /"net.ipv4.none" is not known to the kernel/],
      [config('kernel.hostname'), /is not namespaced/],
      [config('vm.swappiness'), /is not namespaced/],
      [config('net.../../../etc/passwd'), /has no valid name/],
      [config('x'), /has no valid name/],
      [config('net.ipv4.ip_forward', { network: 'NODE' }), /not allowed with the network namespace of the node/],
      [config('kernel.sem', { ipc: 'NODE' }), /not allowed with the ipc namespace of the node/],
    ];
    for (const [given, message] of bad) assert.throws(() => checkSysctls(given, procSys), refused(message));
  } finally {
    rmSync(procSys, { recursive: true });
  }
});

test('a value that the kernel refuses is the fault of the request', () => {
  assert.equal(
    refusedSysctl(new Error('crun: write to /proc/sys/net/x: Invalid argument'))?.code,
    status.INVALID_ARGUMENT,
  );
  assert.equal(refusedSysctl(new Error('no space left')), undefined);
});

test('NUL is found in a spec, and a backslash is not taken for it', () => {
  for (const text of ['a\0b', '\0', '\\\0'])
    assert.throws(() => checkText(JSON.stringify({ text })), refused(/holds NUL/));
  for (const text of ['\\u0000', '\\\\u0000', 'u0000']) checkText(JSON.stringify({ text }));
});
