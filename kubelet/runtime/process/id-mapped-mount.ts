// Mounts that show files with other owners than they have: what is root's on the disk is root's in a user namespace, and
// the other way round. mount(8) of Debian 12 has no such option and Node no such calls, so perl makes them, as in
// cli/host/devices.ts. https://man7.org/linux/man-pages/man2/mount_setattr.2.html
import { CommandError } from '../../../host/command.ts';
import { runCommand } from './command.ts';

export interface IdMappedMount {
  source: string;
  /** A folder for a folder, a file for what is none. */
  target: string;
  /** Whether mounts that the node makes below the source later show too. */
  follows?: boolean;
}

/**
 * Mounts each source, with what is mounted below it, with the ids of a user namespace (`/proc/PID/ns/user`). What below a
 * source cannot be mapped keeps its owners, which are nobody in the namespace. Throws where the source itself cannot be.
 */
export async function mountIdMapped(userNamespace: string, mounts: readonly IdMappedMount[]): Promise<void> {
  const args = mounts.flatMap(({ source, target, follows }) => [follows ? 'slave' : 'private', source, target]);
  if (args.length === 0) return;
  try {
    await runCommand('perl', ['-e', script, userNamespace, ...args]);
  } catch (err) {
    // What it says is a sentence of its own.
    throw err instanceof CommandError ? new Error(err.stderr.trim()) : err;
  }
}

/** Numbers of calls and flags are those of linux/mount.h and asm-generic/unistd.h: the same on x86-64 and arm64. */
const script = `
use strict;
my ($openTree, $moveMount, $mountSetattr) = (428, 429, 442);
my ($clone, $recursive, $emptyPath, $idmap) = (0x80001, 0x8000, 0x1000, 0x100000);
my %propagation = (private => 0x40000, slave => 0x80000);
my $none = "\\0";
my $namespace = shift @ARGV;
open(my $user, '<', $namespace) or die "open $namespace: $!\\n";
sub set {
  my ($fd, $flags, $set, $propagation) = @_;
  my $attr = pack('QQQQ', $set, 0, $propagation, $set ? fileno($user) : 0);
  return syscall($mountSetattr, $fd, $none, $emptyPath | $flags, $attr, length $attr) == 0;
}
while (my ($kind, $source, $target) = splice(@ARGV, 0, 3)) {
  my ($from, $to) = ("$source\\0", "$target\\0");
  my $fd = syscall($openTree, -100, $from, $clone | $recursive);
  die "failed to clone the mount of $source: $!\\n" if $fd < 0;
  set($fd, $recursive, $idmap, $propagation{$kind})
    or set($fd, 0, $idmap, 0) && set($fd, $recursive, 0, $propagation{$kind})
    or die "failed to set MOUNT_ATTR_IDMAP on $source: $! " .
      "(maybe the filesystem used doesn't support idmap mounts on this kernel?)\\n";
  syscall($moveMount, $fd, $none, -100, $to, 4) == 0 or die "failed to mount $source at $target: $!\\n";
}
`;
