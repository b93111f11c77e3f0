// What keeps pods off a node. https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
import { mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

export const taint = s.api('core.v1.Taint', 'Repels pods that do not tolerate it.', {
  effect: s.string('NoSchedule, PreferNoSchedule or NoExecute.', {
    ...mandatory,
    enum: ['NoExecute', 'NoSchedule', 'PreferNoSchedule'],
  }),
  key: s.string('Taint key.', mandatory),
  timeAdded: s.time('When a NoExecute taint was set.'),
  value: s.string('Taint value.'),
});
export interface Taint extends TypeOf<typeof taint> {}
