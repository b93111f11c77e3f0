// The devices that processes of a cluster may open: what nodes and containers need, and no disk of
// the host. Set on the cluster's control group, which is above what a node can see of its groups,
// so that nothing inside undoes it. Version 1 has files for it, version 2 a BPF program:
// https://docs.kernel.org/admin-guide/cgroup-v2.html#device-controller
import { readFileSync, writeFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../../host/command.ts';
import { UserError } from '../user-error.ts';
import { type CgroupTrees, groupDirs } from './cgroups.ts';
import { run } from './run.ts';

/** Character devices by major and minor number; without a minor number all of the major. */
export const clusterDevices: readonly { major: number; minor?: number; name: string }[] = [
  ...['null', 'zero', 'full', 'random', 'urandom', 'kmsg'].map((name, i) => ({
    major: 1,
    minor: [3, 5, 7, 8, 9, 11][i]!,
    name,
  })),
  ...['tty', 'console', 'ptmx'].map((name, minor) => ({ major: 5, minor, name })),
  { major: 136, name: 'pts' },
  { major: 10, minor: 200, name: 'net/tun' },
  { major: 10, minor: 229, name: 'fuse' },
  { major: 10, minor: 232, name: 'kvm' },
];

/** Restricts a group that holds neither processes nor groups yet. */
export async function restrictDevices(trees: CgroupTrees, group: string): Promise<void> {
  const dir = groupDirs(trees, group).find(
    (_, i) => trees.version === 2 || trees.hierarchies[i]!.controllers.split(',').includes('devices'),
  );
  if (dir === undefined) return;
  if (trees.version === 1) restrictV1(dir);
  else await restrictV2(dir);
}

// Making a device file is harmless where it cannot be opened, and unpacking images makes some.
function restrictV1(dir: string): void {
  // A group that is restricted from above already cannot be given more than it has.
  if (readFileSync(join(dir, 'devices.list'), 'utf8').trim() !== 'a *:* rwm') return;
  writeFileSync(join(dir, 'devices.deny'), 'a');
  const rules = clusterDevices.map(({ major, minor }) => `c ${major}:${minor ?? '*'} rwm`);
  for (const rule of ['c *:* m', 'b *:* m', ...rules]) writeFileSync(join(dir, 'devices.allow'), rule);
}

async function restrictV2(dir: string): Promise<void> {
  try {
    await run('perl', ['-e', attachScript, dir, deviceProgram().toString('hex')]);
  } catch (err) {
    if (!(err instanceof CommandError)) throw err;
    throw new UserError(`the devices of ${dir} cannot be restricted: ${err.stderr.trim()}`, {
      hint: 'The kernel must have CONFIG_CGROUP_BPF; a container must be privileged.',
      cause: err,
    });
  }
}

// Of linux/bpf.h: operation codes, and the fields of struct bpf_cgroup_dev_ctx.
const op = {
  load: 0x61,
  copy: 0xbf,
  set: 0xb7,
  shiftRight: 0x77,
  and: 0x57,
  jumpIfEqual: 0x15,
  jumpUnless: 0x55,
  exit: 0x95,
};
const field = { accessAndType: 0, major: 4, minor: 8 };
const charDevice = 2;
const accessMknod = 1;

/** The BPF program that answers 1 for an access that is allowed and 0 for one that is not. */
export function deviceProgram(): Buffer {
  const [result, context, type, access, major, minor] = [0, 1, 2, 3, 4, 5];
  const allow = [insn(op.set, result, { imm: 1 }), insn(op.exit)];
  const rules = clusterDevices.flatMap((device) => [
    insn(op.jumpUnless, major, { imm: device.major, offset: device.minor === undefined ? 2 : 3 }),
    ...(device.minor === undefined ? [] : [insn(op.jumpUnless, minor, { imm: device.minor, offset: 2 })]),
    ...allow,
  ]);
  const program = [
    insn(op.load, type, { source: context, offset: field.accessAndType }),
    insn(op.copy, access, { source: type }),
    insn(op.shiftRight, access, { imm: 16 }),
    insn(op.and, type, { imm: 0xffff }),
    insn(op.load, major, { source: context, offset: field.major }),
    insn(op.load, minor, { source: context, offset: field.minor }),
    insn(op.jumpUnless, access, { imm: accessMknod, offset: 2 }),
    ...allow,
    insn(op.jumpIfEqual, type, { imm: charDevice, offset: 2 }),
    insn(op.set, result, { imm: 0 }),
    insn(op.exit),
    ...rules,
    insn(op.set, result, { imm: 0 }),
    insn(op.exit),
  ];
  return Buffer.concat(program);
}

function insn(code: number, target = 0, { source = 0, offset = 0, imm = 0 } = {}): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[0] = code;
  if (endianness() === 'LE') {
    bytes[1] = target | (source << 4);
    bytes.writeInt16LE(offset, 2);
    bytes.writeInt32LE(imm, 4);
  } else {
    bytes[1] = (target << 4) | source;
    bytes.writeInt16BE(offset, 2);
    bytes.writeInt32BE(imm, 4);
  }
  return bytes;
}

// Node has no bpf(2). Perl is on every Debian and can make any system call. BPF_PROG_LOAD is 5 and BPF_PROG_ATTACH 8;
// programs for devices are of type 15 and attached as 6, with flag 2 so that containers below may have their own too.
const attachScript = `
use strict; use POSIX ();
my ($group, $hex) = @ARGV; my $code = pack('H*', $hex);
my %number = (x86_64 => 321, aarch64 => 280, riscv64 => 280, s390x => 351, ppc64le => 361);
my $bpf = $number{(POSIX::uname())[4]} or die "no bpf(2) known for this machine";
my $license = "Apache-2.0"; my $log = "\\0" x 65536;
my $load = pack("L L P p L L P L L", 15, length($code) / 8, $code, $license, 1, length $log, $log, 0, 0);
my $program = syscall($bpf, 5, $load, length $load);
die "the program is refused: $!: $log" if $program < 0;
open(my $dir, "<", $group) or die "$group: $!";
my $attach = pack("L L L L", fileno $dir, $program, 6, 2);
syscall($bpf, 8, $attach, length $attach) >= 0 or die "$group: $!";
`;
