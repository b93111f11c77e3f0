// Disks and packets as both versions of control groups and the kernel tell of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimeContainer } from '../../test/builders/runtime-state.ts';
import type { CgroupTree } from '../cgroups/cgroup-tree.ts';
import { joinSandboxes } from '../pods/runtime-state.ts';
import { readDisks, readPackets } from './device-use.ts';

const treeOf = (version: 1 | 2, files: Record<string, string>) =>
  ({ version, read: (...at: string[]) => files[at.join(' ')] }) as unknown as CgroupTree;
const nameOf = (number: string) => `disk ${number}`;

test('disks, by either version of control groups', () => {
  const v1 = treeOf(1, {
    'blkio /p blkio.throttle.io_service_bytes_recursive':
      '8:0 Read 4096\n8:0 Write 100\n8:0 Sync 1\n8:16 Read 7\n8:16 Write 0\nTotal 4203',
    'blkio /p blkio.throttle.io_serviced_recursive': '8:0 Read 2\n8:0 Write 3\nTotal 5',
  });
  const [first, second] = [
    { device: 'disk 8:0', reads_bytes: 4096, writes_bytes: 100, reads: 2, writes: 3 },
    { device: 'disk 8:16', reads_bytes: 7, writes_bytes: 0 },
  ];
  assert.deepEqual(readDisks(v1, '/p', nameOf), [first, second]);
  const stat = '8:0 rbytes=4096 wbytes=100 rios=2 wios=3 dbytes=0 dios=0\n8:32';
  assert.deepEqual(readDisks(treeOf(2, { ' /p io.stat': stat }), '/p', nameOf), [first]);
  assert.deepEqual(readDisks(treeOf(2, {}), '/p', nameOf), []);
});

test('packets are those of a process that is there', () => {
  const gone = runtimeContainer({ name: 'gone' });
  const here = runtimeContainer({ name: 'here' });
  const state = { ...joinSandboxes([]), containers: [gone, here] };
  const procs = (id: string) => `pids /p/${id} cgroup.procs`;
  const tree = treeOf(1, { [procs(gone.id)]: '4194305', [procs(here.id)]: 'self\n1' });
  const found = readPackets(state, tree, '/p', 'lo');
  const names = ['receive_packets', 'receive_packets_dropped', 'transmit_packets', 'transmit_packets_dropped'];
  assert.deepEqual(Object.keys(found), names);
  for (const count of Object.values(found)) assert.ok(Number.isInteger(count), `${count}`);
  assert.deepEqual(readPackets({ ...state, containers: [] }, tree, '/p', 'lo'), {});
});
