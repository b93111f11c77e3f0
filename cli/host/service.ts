// A cluster as a service of systemd, which starts it at boot and ends it in order before the machine goes down. The
// cluster's processes live in control groups of their own beside systemd's: the service is only told when.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../../host/command.ts';
import { UserError } from '../user-error.ts';
import { writeFileAtomic } from './files.ts';
import { run } from './run.ts';

const unitDir = '/etc/systemd/system';

/** Says to our commands that the service runs them. */
const serviceVariable = 'K8TS_SERVICE';
export const isRunByService = (env: NodeJS.ProcessEnv): boolean => env[serviceVariable] !== undefined;

export const serviceName = (cluster: string): string => `k8ts-${cluster}.service`;
const unitFile = (cluster: string) => join(unitDir, serviceName(cluster));

export function isInstalled(cluster: string): boolean {
  return existsSync(unitFile(cluster));
}

/** Whether systemd runs the machine: sd_booted(3) looks for the same folder. */
const hasSystemd = () => existsSync('/run/systemd/system');

export function requireSystemd(hint: string): void {
  if (!hasSystemd()) throw new UserError('systemd does not run this machine, so there are no services here', { hint });
}

export interface ServiceSpec {
  cluster: string;
  /** The program's launcher. */
  launcher: string;
  /** Folders that must be mounted before. */
  folders: readonly string[];
  env: Record<string, string | undefined>;
  /** Further arguments of `up` and `down`. */
  args: readonly string[];
}

// Quotes, backslashes and percent signs mean something in every setting, dollar signs in command lines.
const quote = (word: string) => `"${word.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('\n', '\\n')}"`;
const commandLine = (words: readonly string[]) => words.map((word) => quote(word).replaceAll('$', '$$$$')).join(' ');

/** A machine that boots is slow, and nobody waits. */
const bootWait = '15m';

/** The text of the unit: see systemd.service(5). */
export function renderService({ cluster, launcher, folders, env, args }: ServiceSpec): string {
  const variables = Object.entries({ ...env, [serviceVariable]: '1' }).flatMap(([name, value]) =>
    value === undefined ? [] : `Environment=${quote(`${name}=${value}`)}`,
  );
  const rest = ['--name', cluster, ...args];
  return `# Written by k8ts install; k8ts uninstall removes it.
[Unit]
Description=Kubernetes cluster ${cluster} (k8ts)
Wants=network-online.target
After=network-online.target nftables.service firewalld.service ufw.service docker.service
RequiresMountsFor=${folders.map(quote).join(' ')}

[Service]
Type=oneshot
RemainAfterExit=yes
${variables.join('\n')}
ExecStart=${commandLine([launcher, 'up', '--wait', bootWait, ...rest])}
ExecStop=${commandLine([launcher, 'down', '--keep-data', ...rest])}
TimeoutStopSec=180
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
`;
}

const systemctl = (...args: string[]) => run('systemctl', ['--quiet', ...args]);

/** Writes the unit, has it started at boot, and starts it. */
export async function installService(spec: ServiceSpec): Promise<void> {
  const name = serviceName(spec.cluster);
  writeFileAtomic(unitFile(spec.cluster), renderService(spec));
  await systemctl('daemon-reload');
  await systemctl('enable', name);
  try {
    await systemctl('start', name);
  } catch (err) {
    throw new UserError(`${name} is installed, but the cluster did not come up`, {
      hint: `What it said: journalctl --unit ${name} --no-pager --lines 40`,
      cause: err,
    });
  }
}

/** Removes the unit; the cluster stays as it is. Returns false when there was none. */
export async function removeService(cluster: string): Promise<boolean> {
  if (!isInstalled(cluster)) return false;
  const name = serviceName(cluster);
  for (const file of [unitFile(cluster), join(unitDir, 'multi-user.target.wants', name)]) rmSync(file, { force: true });
  if (!hasSystemd()) return true;
  await systemctl('daemon-reload');
  // Without its file it has no command to run at its end; one that was not active is forgotten with the file.
  await systemctl('stop', name).catch((err) => {
    if (!(err instanceof CommandError && /not loaded/.test(err.stderr))) throw err;
  });
  return true;
}

/** Lets systemd know that the cluster has been brought up or down by hand, so that the other is not taken for done. */
export async function tellService(cluster: string, verb: 'start' | 'stop', env: NodeJS.ProcessEnv): Promise<boolean> {
  if (isRunByService(env) || !isInstalled(cluster) || !hasSystemd()) return false;
  await systemctl(verb, serviceName(cluster));
  return true;
}
