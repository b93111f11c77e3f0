// Which Kubernetes a component is: what /version answers and kubernetes_build_info tells.
import type { Registry } from 'prom-client';
import { goArchitecture } from './architecture.ts';
import { metricsIn } from './hot-metrics.ts';

/** `nodeArch`: the machine as Node calls it (`os.arch()`). */
export const buildInfoOf = (nodeArch: string) => ({
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.0',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: `linux/${goArchitecture(nodeArch)}`,
});

/** `git_version` for gitVersion. */
const labelOf = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

export function tellBuild(registry: Registry, nodeArch: string): void {
  const { emulationMajor, emulationMinor, minCompatibilityMajor, minCompatibilityMinor, ...info } =
    buildInfoOf(nodeArch);
  const help = 'Always 1; its labels say what is running.';
  const gauge = metricsIn(registry).gauge('kubernetes_build_info', help, Object.keys(info).map(labelOf));
  gauge.of(...Object.values(info)).value = 1;
}
