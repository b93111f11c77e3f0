// Steps: the API server is ready; then controllers and scheduler run.
import { probeReadyz } from '../api-request.ts';
import { apiServerNames, controlPlaneUnits } from '../units.ts';
import { startUnits, type UpContext, waitForUnit } from './context.ts';
import { etcdStep } from './etcd.ts';
import { askHealth } from './health.ts';
import { networkStep } from './network.ts';
import type { Step } from './run-steps.ts';

export const apiserverStep: Step<UpContext> = {
  title: 'API server',
  after: [etcdStep.title, networkStep.title], // it listens on the bridge's address as well
  async run(context, signal) {
    const { layout } = context;
    const [first = '', ...others] = apiServerNames(layout);
    const start = (names: string[]) =>
      startUnits(
        context,
        controlPlaneUnits(context).filter((unit) => names.includes(unit.name)),
      );
    start([first]);
    await waitForUnit(context, { unit: first, signal, probe: (during) => probeReadyz(layout, during) });
    start(others);
    return layout.apiUrl;
  },
};

export const controllersStep: Step<UpContext> = {
  title: 'Controllers and scheduler',
  after: [apiserverStep.title],
  async run(context, signal) {
    const { controllersHealth, schedulerHealth } = context.layout.ports;
    const ports = new Map([
      ['controllers', controllersHealth],
      ['scheduler', schedulerHealth],
    ]);
    const units = controlPlaneUnits(context).filter((unit) => ports.has(unit.name));
    startUnits(context, units);
    await Promise.all(
      units.map(({ name: unit }) =>
        waitForUnit(context, { unit, signal, probe: (during) => probeHealth(ports.get(unit)!, during) }),
      ),
    );
    return undefined;
  },
};

async function probeHealth(port: number, signal: AbortSignal): Promise<string | undefined> {
  const { ok, text } = await askHealth({ port, path: '/readyz' }, signal);
  return ok ? undefined : text.trim();
}
