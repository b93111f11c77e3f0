// Steps: the API server is ready; then controllers and scheduler run.
import { probeReadyz } from '../api-request.ts';
import { apiServerNames, controlPlaneUnits } from '../units.ts';
import { startUnits, type UpContext, waitForUnit } from './context.ts';
import { etcdStep } from './etcd.ts';
import { probeReady } from './health.ts';
import { networkStep } from './network.ts';
import type { Step } from './run-steps.ts';

export const apiserverStep: Step<UpContext> = {
  title: 'API server',
  after: [etcdStep.title, networkStep.title], // it listens on the bridge's address as well
  async run(context, signal) {
    const { layout } = context;
    const [first = '', ...others] = apiServerNames(layout);
    startUnits(context, controlPlaneUnits(context), [first]);
    await waitForUnit(context, { unit: first, signal, probe: (during) => probeReadyz(layout, during) });
    startUnits(context, controlPlaneUnits(context), others);
    return layout.apiUrl;
  },
};

export const controllersStep: Step<UpContext> = {
  title: 'Controllers and scheduler',
  after: [apiserverStep.title],
  async run(context, signal) {
    const { controllersHealth, schedulerHealth } = context.layout.ports;
    const ports = { controllers: controllersHealth, scheduler: schedulerHealth };
    startUnits(context, controlPlaneUnits(context), Object.keys(ports));
    await Promise.all(
      Object.entries(ports).map(([unit, port]) =>
        waitForUnit(context, { unit, signal, probe: (during) => probeReady({ port }, during) }),
      ),
    );
    return undefined;
  },
};
