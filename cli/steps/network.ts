// Step: bridge, routes and the way out.
import { makeNetwork } from '../host/network.ts';
import type { UpContext } from './context.ts';
import type { Step } from './run-steps.ts';

export const networkStep: Step<UpContext> = {
  title: 'Network',
  after: [],
  async run({ layout }) {
    await makeNetwork(layout);
    return `pods ${layout.podSubnet}, services ${layout.serviceSubnet}`;
  },
};
