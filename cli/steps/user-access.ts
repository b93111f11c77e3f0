// Step: kubectl of the user points at the cluster.
import { messageOf } from '../../machinery/errors.ts';
import { adminAccess, entriesOf, mergeIntoFiles } from '../kubeconfig.ts';
import type { UpContext } from './context.ts';
import { apiserverStep } from './control-plane.ts';
import type { Step } from './run-steps.ts';

export const userAccessStep: Step<UpContext> = {
  title: 'kubectl context',
  after: [apiserverStep.title],
  async run({ layout, kubeconfigFiles, isService }) {
    try {
      const file = mergeIntoFiles(kubeconfigFiles, entriesOf(layout.contextName, adminAccess(layout)));
      return `${layout.contextName} in ${file}`;
    } catch (err) {
      if (!isService) throw err;
      return `left as it was: ${messageOf(err)}`;
    }
  },
};
