// The AppArmor profile that containers run under by default, loaded into the kernel where the
// machine has AppArmor. It keeps processes from what namespaces do not keep them from: writing to
// the kernel's files below /proc and /sys, mounting, tracing others.
// https://gitlab.com/apparmor/apparmor/-/wikis/Documentation
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../machinery/errors.ts';
import { commandName } from '../command-name.ts';
import { readIfExists } from './files.ts';
import { run } from './run.ts';

/** The runtime asks for it by this name. */
const profileName = 'k8ts-default';

// It stands by itself: what it includes from the distribution would differ from machine to machine.
export const profileText = `@{PROC}=/proc/

profile ${profileName} flags=(attach_disconnected,mediate_deleted) {
  file,
  network,
  capability,
  umount,

  # Processes end when the runtime says so, and may signal and trace each other.
  signal (receive) peer=unconfined,
  signal (receive) peer=crun,
  signal (receive) peer=runc,
  signal (send,receive) peer=${profileName},
  ptrace (trace,read,tracedby,readby) peer=${profileName},

  deny mount,

  # Of /proc: what is about no process is the kernel's, but for the limits of shared memory and what is of the network namespace.
  deny @{PROC}/* w,
  deny @{PROC}/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9]*}/** w,
  deny @{PROC}/sys/[^kn]** w,
  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/kcore rwklx,
  deny @{PROC}/mem rwklx,
  deny @{PROC}/kmem rwklx,

  # Of /sys: the control groups alone are files of the container.
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;

export interface AppArmorFiles {
  /** Says Y where the kernel enforces profiles. */
  enabled: string;
  /** The profiles that are loaded, a line for each. */
  profiles: string;
  /** Folders in which the compiler of profiles may lie. */
  programs: readonly string[];
}

const files: AppArmorFiles = {
  enabled: '/sys/module/apparmor/parameters/enabled',
  profiles: '/sys/kernel/security/apparmor/profiles',
  programs: ['/usr/sbin', '/sbin', '/usr/bin'],
};

/**
 * Loads our profile, in place of one of an older build. Where that cannot be, pods that ask for it
 * are refused; it is told.
 */
export async function loadAppArmorProfile(say: (line: string) => void, from: AppArmorFiles = files): Promise<void> {
  if (!readIfExists(from.enabled)?.startsWith('Y')) return;
  const unconfined = 'containers run without an AppArmor profile';
  const parser = findParser(from);
  if (!parser) {
    say(`apparmor_parser is missing: ${unconfined}. Install the package apparmor, then run ${commandName} up`);
    return;
  }
  try {
    await compile(parser, '--replace');
  } catch (err) {
    say(`${messageOf(err)}: ${unconfined}`);
  }
}

/** Takes our profile out of the kernel, where it is in it: no container is left that it could confine. */
export async function unloadAppArmorProfile(from: AppArmorFiles = files): Promise<void> {
  const isLoaded = readIfExists(from.profiles)
    ?.split('\n')
    .some((line) => line.startsWith(`${profileName} (`));
  const parser = findParser(from);
  if (isLoaded && parser) await compile(parser, '--remove');
}

const findParser = ({ programs }: AppArmorFiles): string | undefined =>
  programs.map((dir) => join(dir, 'apparmor_parser')).find(existsSync);

async function compile(parser: string, action: '--replace' | '--remove'): Promise<void> {
  await run(parser, [action, '--skip-cache'], { input: profileText });
}
