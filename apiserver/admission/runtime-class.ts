// Refuses pods that name a RuntimeClass: the kind is not served, so there is none to be found; and
// an overhead that no class has defined. Better here than a pod that no node will ever run.
// https://kubernetes.io/docs/concepts/containers/runtime-class/
import { forbiddenError } from '../../machinery/errors.ts';
import { type AdmissionPlugin, isPodCreation } from './plugin.ts';

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  handles: isPodCreation,
  mutate({ object, name }) {
    const { runtimeClassName, overhead } = object!.spec;
    const reject = (why: string) => forbiddenError({ group: '', resource: 'pods' }, name, `pod rejected: ${why}`);
    if (runtimeClassName) throw reject(`RuntimeClass ${JSON.stringify(runtimeClassName)} not found`);
    if (overhead && Object.keys(overhead).length > 0)
      throw reject('Pod Overhead set without corresponding RuntimeClass defined Overhead');
  },
};
