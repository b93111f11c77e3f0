// Step: kubectl of the user points at the cluster.
import { adminAccess, entriesOf, mergeIntoFile } from '../kubeconfig.ts';
import type { UpContext } from './context.ts';
import { apiserverStep } from './control-plane.ts';
import type { Step } from './run-steps.ts';

export const userAccessStep: Step<UpContext> = {
  title: 'kubectl context',
  after: [apiserverStep.title],
  async run({ layout, kubeconfigFile }) {
    mergeIntoFile(kubeconfigFile, entriesOf(layout.contextName, adminAccess(layout)));
    return `${layout.contextName} in ${kubeconfigFile}`;
  },
};
