// Step: etcd runs and is healthy.
import { existsSync } from 'node:fs';
import { removeDurably, writeFileAtomic } from '../host/files.ts';
import { controlPlaneUnits } from '../units.ts';
import { startUnits, type UpContext, waitForUnit } from './context.ts';
import { credentialsStep } from './credentials.ts';
import { askHealth } from './health.ts';
import type { Step } from './run-steps.ts';

export const etcdStep: Step<UpContext> = {
  title: 'etcd',
  after: [credentialsStep.title],
  async run(context, signal) {
    const { etcdDir, etcdUnfinishedFile } = context.layout;
    if (!existsSync(etcdDir)) writeFileAtomic(etcdUnfinishedFile, '');
    startUnits(context, controlPlaneUnits(context), ['etcd']);
    await waitForUnit(context, { unit: 'etcd', signal, probe: (during) => probeEtcd(context, during) });
    removeDurably(etcdUnfinishedFile);
    return undefined;
  },
};

async function probeEtcd({ layout }: UpContext, signal: AbortSignal): Promise<string | undefined> {
  const { text } = await askHealth({ port: layout.ports.etcdMetrics, path: '/health' }, signal);
  const { health, reason } = JSON.parse(text) as { health: string; reason?: string };
  return health === 'true' ? undefined : (reason ?? 'it says that it is not healthy');
}
