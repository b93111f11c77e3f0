// PodTemplateSpec: pods as a controller makes them.
// Embedded in every workload; not a kind of its own here.
import { objectMeta } from '../../../machinery/metadata.ts';
import { s, type TypeOf } from '../../../machinery/schema.ts';
import { podSpec } from './pod-spec.ts';

export const podTemplateSpec = s.api('core.v1.PodTemplateSpec', 'Pods as a controller makes them.', {
  metadata: s.field(objectMeta, 'Labels and annotations of the pods.', { always: true }),
  spec: s.field(podSpec, 'What the pods should run.', { always: true }),
});
export interface PodTemplateSpec extends TypeOf<typeof podTemplateSpec> {}
