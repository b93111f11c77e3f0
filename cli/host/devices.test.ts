import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterDevices, deviceProgram } from './devices.ts';

/** Runs the program as the kernel would: `type` 1 is a block device, 2 a character device; access 1 mknod, 2 read. */
function verdict(access: { type: number; access: number; major: number; minor: number }): number {
  const program = deviceProgram();
  const registers = [0, 0, 0, 0, 0, 0];
  const context: Record<number, number> = { 0: (access.access << 16) | access.type, 4: access.major, 8: access.minor };
  for (let at = 0; ; at += 8) {
    const [code, registersOf] = [program[at]!, program[at + 1]!];
    const [target, source] = [registersOf & 15, registersOf >> 4];
    const [offset, imm] = [program.readInt16LE(at + 2), program.readInt32LE(at + 4)];
    if (code === 0x61) registers[target] = context[offset]!;
    else if (code === 0xbf) registers[target] = registers[source]!;
    else if (code === 0xb7) registers[target] = imm;
    else if (code === 0x77) registers[target]! >>>= imm;
    else if (code === 0x57) registers[target]! &= imm;
    else if (code === 0x15 && registers[target] === imm) at += 8 * offset;
    else if (code === 0x55 && registers[target] !== imm) at += 8 * offset;
    else if (code === 0x95) return registers[0]!;
  }
}

test('devices of the table may be opened, others and disks only made', () => {
  for (const { major, minor = 7 } of clusterDevices) {
    assert.equal(verdict({ type: 2, access: 2, major, minor }), 1, `${major}:${minor}`);
    assert.equal(verdict({ type: 1, access: 2, major, minor }), 0, `block ${major}:${minor}`);
  }
  const disk = { type: 1, major: 254, minor: 0 };
  assert.equal(verdict({ ...disk, access: 2 }), 0);
  assert.equal(verdict({ ...disk, access: 6 }), 0);
  assert.equal(verdict({ ...disk, access: 1 }), 1, 'mknod');
  assert.equal(verdict({ ...disk, access: 3 }), 0, 'mknod and read');
  assert.equal(verdict({ type: 2, access: 4, major: 1, minor: 1 }), 0, '/dev/mem');
});
