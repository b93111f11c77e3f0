// What a cluster could leave behind on the host, as text to compare. Leaves out what other programs change meanwhile:
// only lines that name k8ts, or the addresses that its slots use, count.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' });

/** Lines about one cluster in everything a cluster touches. Empty when no trace of it is left. */
export function tracesOf(name: string, bridge: string): string[] {
  const naming = (what: string, text: string) =>
    text
      .split('\n')
      .filter((line) => line.includes(name) || line.includes(bridge))
      .map((line) => `${what}: ${line.trim()}`);
  return [
    ...naming('process', run('ps', '-eo', 'stat,args')),
    ...naming('mount', readFileSync('/proc/self/mountinfo', 'utf8')),
    ...naming('namespace', run('lsns', '--noheadings', '--output', 'TYPE,COMMAND')),
    ...naming('link', run('ip', '-brief', 'link')),
    ...naming('route', run('ip', 'route', 'show', 'table', 'all')),
    ...naming('nft', run('nft', 'list', 'tables')),
    ...naming('cgroup', run('find', '/sys/fs/cgroup', '-type', 'd', '-path', '*k8ts*')),
    ...naming('file', run('find', '/run', '/var/lib', '-maxdepth', '2', '-path', '*k8ts*')),
  ];
}

/** Switches of the host that a cluster may flip. */
export function forwarding(): string {
  return readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim();
}
