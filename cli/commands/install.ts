// `k8ts install`, `k8ts uninstall`: a cluster that is there again after a reboot.
import { resolve } from 'node:path';
import { commandName } from '../command-name.ts';
import { installService, isInstalled, removeService, requireSystemd, serviceName } from '../host/service.ts';
import { defaultRoots } from '../layout.ts';
import { requireRoot } from '../steps/prerequisites.ts';
import { componentEnv } from '../supervisor/control.ts';
import type { Program } from '../units.ts';

export interface InstallOptions {
  name: string;
  kubeconfig?: string;
}

export async function install({ name, kubeconfig }: InstallOptions, program: Program): Promise<void> {
  requireRoot(process.getuid?.(), 'install');
  const root = resolve(program.bundle, '../../..');
  const launcher = resolve(root, 'k8ts');
  requireSystemd(`Have the machine's own init run this at boot, as root: ${launcher} up --name ${name}`);
  const { HOME, KUBECONFIG, SUDO_UID, SUDO_GID, SUDO_USER } = process.env;
  await installService({
    cluster: name,
    launcher,
    folders: [defaultRoots.state, root],
    // Whoever installs it has the kubeconfig.
    env: { ...componentEnv(process.env), HOME, KUBECONFIG, SUDO_UID, SUDO_GID, SUDO_USER },
    args: kubeconfig === undefined ? [] : ['--kubeconfig', resolve(kubeconfig)],
  });
  const service = serviceName(name);
  process.stdout.write(`Cluster ${name} runs as ${service} and comes back after a reboot
  systemctl stop ${service}      # ends it and keeps its data
  systemctl start ${service}
  ${commandName} uninstall --name ${name}      # removes the service and leaves the cluster as it is
`);
}

export async function uninstall({ name }: { name: string }): Promise<void> {
  requireRoot(process.getuid?.(), 'uninstall');
  if (!isInstalled(name)) requireSystemd(`No service of cluster ${name} is installed either.`);
  const removed = await removeService(name);
  process.stdout.write(
    removed
      ? `${serviceName(name)} is removed; the cluster stays as it is until the next reboot\n`
      : `Cluster ${name} is not installed as a service\n`,
  );
}
