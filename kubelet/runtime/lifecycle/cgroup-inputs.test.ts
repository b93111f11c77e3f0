// Names of groups and their files in requests: those that stay where they belong, and those that would lead elsewhere.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { LinuxContainerResources } from '../../../proto/cri.gen.ts';
import { checkCgroupParent, checkResources } from './cgroup-inputs.ts';

const refused = (message: RegExp) => ({ code: status.INVALID_ARGUMENT, message });

describe('cgroup_parent', () => {
  const good = [
    '',
    '/',
    '/kubepods/burstable/pod1',
    'kubepods/pod1',
    '/a//b/',
    '/..a/b..',
    '/a.slice/b',
    'd/'.repeat(20),
  ];
  for (const parent of good) test(`${JSON.stringify(parent)} is taken`, () => checkCgroupParent(parent));

  const bad: [parent: string, message: RegExp][] = [
    ['..', /^invalid cgroup_parent "\.\.": it must not contain "\." or "\.\."$/],
    ['../..', /must not contain/],
    ['/../../x', /must not contain/],
    ['/kubepods/../../x', /must not contain/],
    ['/kubepods/..', /must not contain/],
    ['/./a', /must not contain/],
    ['a\0b', /NUL or a line break/],
    ['a\nb', /NUL or a line break/],
    [`/${'ü'.repeat(128)}`, /a name in it is longer than 255 bytes/],
    ['/a'.repeat(10_000), /^.{0,150}: it is longer than 2048 characters$/],
    ['kubepods-pod1.slice', /systemd slice.*cgroupfs/],
  ];
  for (const [parent, message] of bad)
    test(`${JSON.stringify(parent.slice(0, 40))} is refused`, () =>
      assert.throws(() => checkCgroupParent(parent), refused(message)));
});

describe('unified keys', () => {
  const of = (key: string) => ({ unified: { [key]: '1' }, hugepage_limits: [] }) as unknown as LinuxContainerResources;
  for (const key of ['memory.high', 'memory.oom.group', 'hugetlb.2MB.max', 'io.bfq.weight', 'cpu.weight', 'pids.max'])
    test(`${key} is taken`, () => checkResources(of(key)));
  const bad = ['', 'x', '../../x', '/etc/x.y', 'memory/../x.y', 'memory.high/x', '..', '.high', 'memory.', 'a\0.b'];
  for (const key of [
    ...bad,
    'memory.high\n',
    'cgroup.procs',
    'cgroup.kill',
    'cgroup.subtree_control',
    `${'x.'.repeat(9)}/`,
  ])
    test(`${JSON.stringify(key)} is refused`, () =>
      assert.throws(() => checkResources(of(key)), refused(/^invalid key ".*" in unified resources/)));
  test('no resources are fine', () => {
    for (const none of [null, undefined]) checkResources(none);
  });
});

describe('sizes of huge pages', () => {
  const of = (page_size: string) =>
    ({ unified: {}, hugepage_limits: [{ page_size }] }) as unknown as LinuxContainerResources;
  for (const size of ['64KB', '2MB', '1GB']) test(`${size} is taken`, () => checkResources(of(size)));
  for (const size of ['', '2', '2Mi', '/../../x', '../x', '2MB/', '2MB\n'])
    test(`${JSON.stringify(size)} is refused`, () =>
      assert.throws(() => checkResources(of(size)), refused(/^invalid page_size/)));
});
