// PodTemplate: a pod to copy. Nothing in Kubernetes itself uses them.
// https://kubernetes.io/docs/concepts/workloads/pods/#pod-templates
import { jsonEqual } from '../../machinery/json.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { formatLabels } from '../../machinery/labels.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import { containerImages, containerNames } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { setTemplateDefaults } from './pod/defaults.ts';
import { validatePodTemplate } from './pod/pod-spec-validation.ts';
import { podTemplateSpec } from './pod/pod-template.ts';
import { warnOfTemplate } from './pod/warnings.ts';

const schema = s.api('core.v1.PodTemplate', 'A pod to copy.', {
  ...objectFields,
  template: s.field(podTemplateSpec, 'The pod.', { always: true }),
});
export interface PodTemplate extends ObjectOf<typeof schema> {}

export const PodTemplateKind = defineKind<PodTemplate>({
  kind: 'PodTemplate',
  plural: 'podtemplates',
  scope: 'Namespaced',
  served: [
    {
      group: '',
      version: 'v1',
      schema,
      setDefaults: ({ template }: PodTemplate) => setTemplateDefaults(template),
    },
  ],
  hasGeneration: true,
  bumpsGeneration: (next, old) => !jsonEqual(next.template, old.template),
  returnsDeletedObject: true,
  columns: [
    column('Containers', 'string', 'Names of the containers.', ({ template }) => containerNames(template)),
    column('Images', 'string', 'Images of the containers.', ({ template }) => containerImages(template)),
    column('Pod Labels', 'string', 'Labels of the pod.', ({ template }) => formatLabels(template?.metadata?.labels)),
  ],
  validate: ({ template }) => validatePodTemplate(template, 'template'),
  warnings: warnOfTemplate('template', { ofName: false }),
});
