// Extenders of a KubeSchedulerConfiguration: servers that have a say in where pods go.
// https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/#kubescheduler-config-k8s-io-v1-Extender
import { isExtendedResource } from '../../api/core/resource-names.ts';
import { tryGoDuration } from '../../machinery/duration.ts';
import { type FieldError, invalid } from '../../machinery/field-error.ts';
import { checkQualifiedName } from '../../machinery/name-rules.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';

const name = 'io.k8s.kubescheduler.config.v1';

const tlsConfig = s.object(`${name}.ExtenderTLSConfig`, 'How an extender is spoken to over TLS.', {
  insecure: s.boolean('Its certificate is not looked at.'),
  serverName: s.string('The name that its certificate has to have.'),
  certFile: s.string('File with our certificate, PEM.'),
  keyFile: s.string('File with its key.'),
  caFile: s.string('File with the authorities that it is to be signed by.'),
  certData: s.string('Our certificate, PEM in base64.'),
  keyData: s.string('Its key.'),
  caData: s.string('The authorities.'),
});

const managedResource = s.object(`${name}.ExtenderManagedResource`, 'An extended resource that an extender manages.', {
  name: s.string('Its name.'),
  ignoredByScheduler: s.boolean('Only the extender looks at it.'),
});

export const extender = s.object(`${name}.Extender`, 'A server that has a say in where pods go.', {
  urlPrefix: s.string('Where it is; verbs are added to it.'),
  filterVerb: s.string('Turns nodes down.'),
  preemptVerb: s.string('Says which pods may have to go.'),
  prioritizeVerb: s.string('Gives nodes 0 to 10 points.'),
  weight: s.int64('How much a point counts.'),
  bindVerb: s.string('Binds the pod.'),
  enableHTTPS: s.boolean('Over TLS; without an authority its certificate is not looked at.'),
  tlsConfig,
  httpTimeout: s.string('So long it may take; five seconds without it.'),
  nodeCacheCapable: s.boolean('It knows the nodes: names are enough.'),
  managedResources: s.list(managedResource, 'It is asked only of pods that want one of them; of all without any.'),
  ignorable: s.boolean('Pods are scheduled without it when it fails.'),
});
export interface ExtenderConfig extends TypeOf<typeof extender> {}

export function validateExtenders(extenders: readonly ExtenderConfig[], path: string): FieldError[] {
  const seen = new Set<string>();
  const errors = extenders.flatMap((one, i) => validateExtender(one, `${path}[${i}]`, seen));
  const binders = extenders.filter(({ bindVerb }) => bindVerb).length;
  if (binders > 1) {
    const value = `found ${binders} extenders implementing bind`;
    errors.push(invalid(path, value, 'only one extender can implement bind'));
  }
  return errors;
}

function validateExtender(one: ExtenderConfig, path: string, seen: Set<string>): FieldError[] {
  const { urlPrefix = '', prioritizeVerb, weight = 0, httpTimeout = '', managedResources = [] } = one;
  const errors: FieldError[] = [];
  if (!/^https?:/.test(urlPrefix) || !URL.canParse(urlPrefix))
    errors.push(invalid(`${path}.urlPrefix`, urlPrefix, 'must be an absolute http or https URL'));
  if (prioritizeVerb && weight <= 0)
    errors.push(invalid(`${path}.weight`, weight, 'must have a positive weight applied to it'));
  const ms = httpTimeout ? tryGoDuration(httpTimeout) : 0;
  if (typeof ms === 'string') errors.push(invalid(`${path}.httpTimeout`, httpTimeout, ms));
  else if (ms < 0) errors.push(invalid(`${path}.httpTimeout`, httpTimeout, 'must not be negative'));
  for (const [i, { name: resource = '' }] of managedResources.entries()) {
    const at = `${path}.managedResources[${i}].name`;
    const complaints = checkQualifiedName(resource);
    errors.push(...complaints.map((complaint) => invalid(at, resource, complaint)));
    if (complaints.length === 0 && !isExtendedResource(resource))
      errors.push(invalid(at, resource, 'is an invalid extended resource name'));
    if (seen.has(resource)) errors.push(invalid(at, resource, 'duplicate extender managed resource name'));
    seen.add(resource);
  }
  return errors;
}
