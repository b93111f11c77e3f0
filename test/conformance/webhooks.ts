// Webhooks of tests: what the programme's own server answers, behind a Service of the cluster.
import assert from 'node:assert/strict';
import { makeAuthority } from '../../cli/pki/issue.ts';
import { realClock } from '../../machinery/clock.ts';
import { eventually } from '../environment/kubectl.ts';
import { startWebhookServer, type WebhookServer } from '../environment/webhook-server.ts';
import type { Space } from './cluster.ts';

const serviceName = 'e2e-test-webhook';
const servicePort = 8443;
const registration = '/apis/admissionregistration.k8s.io/v1';

const deny = (message: string) => ({ allowed: false, status: { message } });
const unless = (...reasons: [isWrong: boolean, why: string][]) => {
  const why = reasons.filter(([isWrong]) => isWrong).map(([, text]) => text);
  return why.length > 0 ? deny(why.join('; ')) : { allowed: true };
};
const patch = (...operations: object[]) => ({
  allowed: true,
  ...(operations.length > 0
    ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') }
    : {}),
});
const yes = (path: string) => ({ op: 'add', path, value: 'yes' });
const isUnwanted = (values: any) => values?.['webhook-e2e-test'] === 'webhook-disallow';
const inStages = ({ object: { data = {} } }: any) =>
  patch(
    ...(data['mutation-start'] === 'yes' ? [yes('/data/mutation-stage-1')] : []),
    ...(data['mutation-stage-1'] === 'yes' ? [yes('/data/mutation-stage-2')] : []),
  );

/** `host` and `port` of v2 are `hostPort` in v1. */
function convert({ desiredAPIVersion, objects }: any): object {
  const convertedObjects = objects.map(({ apiVersion: _, hostPort, host, port, ...rest }: any) => {
    if (desiredAPIVersion.endsWith('/v1')) {
      return { apiVersion: desiredAPIVersion, ...rest, ...(host ? { hostPort: `${host}:${port}` } : {}) };
    }
    const [toHost, toPort] = hostPort?.split(':') ?? [];
    return { apiVersion: desiredAPIVersion, ...rest, ...(hostPort ? { host: toHost, port: toPort } : {}) };
  });
  return { convertedObjects, result: { status: 'Success' } };
}

/** By path; undefined leaves the connection open without an answer. */
const answers: Record<string, (request: any) => object | undefined | Promise<object>> = {
  '/always-deny': () => deny('this webhook denies all requests'),
  '/always-allow-delay-5s': () => realClock.sleep(5_000).then(() => ({ allowed: true })),
  '/pods': ({ object: { metadata, spec } }) => {
    if (metadata.labels?.['webhook-e2e-test'] === 'wait-forever') return undefined;
    return unless(
      [
        spec.containers.some(({ name }: any) => name.includes('webhook-disallow')),
        'the pod contains unwanted container name',
      ],
      [isUnwanted(metadata.labels), 'the pod contains unwanted label'],
    );
  },
  '/pods/attach': ({ name }) =>
    unless([name === 'to-be-attached-pod', "attaching to pod 'to-be-attached-pod' is not allowed"]),
  '/configmaps': ({ object }) => unless([isUnwanted(object.data), 'the configmap contains unwanted key and value']),
  '/crd': ({ object }) => unless([isUnwanted(object.metadata.labels), 'the crd contains unwanted label']),
  '/mutating-configmaps': inStages,
  '/mutating-custom-resource': inStages,
  '/add-label': ({ object: { metadata } }) =>
    patch({ op: 'add', path: '/metadata/labels', value: { ...metadata.labels, 'added-label': 'yes' } }),
  '/crdconvert': convert,
};

/** The server of one test, and what is registered for it; all is gone with it. */
export class Webhooks implements AsyncDisposable {
  readonly space: Space;
  /** Labels of the namespace of the test, and of the one of its markers. */
  readonly label: string;
  readonly server: WebhookServer;
  readonly #registered: string[] = [];
  readonly #caBundle: string;

  private constructor(space: Space, server: WebhookServer, caBundle: string) {
    this.space = space;
    this.label = space.namespace;
    this.server = server;
    this.#caBundle = caBundle;
  }

  /** Starts one behind a Service: its endpoint is the machine, at the address that it has among the nodes. */
  static async start(space: Space): Promise<Webhooks> {
    const { namespace } = space;
    const { status } = await space.get(`/api/v1/nodes/${space.node}`);
    const nodeAddress: string = status.addresses.find(({ type }: any) => type === 'InternalIP').address;
    const address = nodeAddress.replace(/\d+$/, '1');
    const authority = await makeAuthority({ file: '', commonName: 'e2e-server-cert-ca' }, realClock.now());
    const server = await startWebhookServer({ authority }, { address, dnsNames: [`${serviceName}.${namespace}.svc`] });
    const metadata = { name: serviceName, labels: { 'kubernetes.io/service-name': serviceName } };
    await space.ask('POST', space.path('/api/v1', 'services'), {
      body: { metadata: { name: serviceName }, spec: { ports: [{ port: servicePort, targetPort: server.port }] } },
    });
    await space.ask('POST', space.path('/apis/discovery.k8s.io/v1', 'endpointslices'), {
      body: { metadata, addressType: 'IPv4', ports: [{ port: server.port }], endpoints: [{ addresses: [address] }] },
    });
    const labels = { [namespace]: 'true' };
    await space.ask('PATCH', `/api/v1/namespaces/${namespace}`, { body: { metadata: { labels } } });
    await space.ask('POST', '/api/v1/namespaces', {
      body: { metadata: { name: `${namespace}-markers`, labels: { [`${namespace}-markers`]: 'true' } } },
    });
    server.reply = ({ request }, path) => answers[path.split('?')[0]!]!(request);
    return new Webhooks(space, server, Buffer.from(authority.certificatePem).toString('base64'));
  }

  /** For a path of the server; `isTrusted`: with the certificate of its authority. */
  clientConfig(path: string, isTrusted = true): object {
    const service = { namespace: this.space.namespace, name: serviceName, path, port: servicePort };
    return { service, ...(isTrusted ? { caBundle: this.#caBundle } : {}) };
  }

  /** A webhook for one resource, in the namespace of the test unless `more` says otherwise. */
  hook(name: string, path: string, rule: [operations: string[], resource: string, group?: string], more = {}): object {
    const [operations, resource, group = ''] = rule;
    return {
      name,
      rules: [{ operations, apiGroups: [group], apiVersions: ['*'], resources: [resource] }],
      clientConfig: this.clientConfig(path),
      sideEffects: 'None',
      admissionReviewVersions: ['v1', 'v1beta1'],
      namespaceSelector: { matchLabels: { [this.label]: 'true' } },
      ...more,
    };
  }

  /** Registers webhooks, with one more by which `effective` sees that they are asked. Gives the configuration. */
  async register(sort: 'validating' | 'mutating', suffix: string, webhooks: object[], labels = {}): Promise<any> {
    const path = `${registration}/${sort}webhookconfigurations`;
    const name = `${this.space.namespace}-${suffix}`;
    const marker = this.hook(
      `${sort}-is-webhook-configuration-ready.k8s.io`,
      '/always-deny',
      [['CREATE'], 'configmaps'],
      {
        namespaceSelector: { matchLabels: { [`${this.label}-markers`]: 'true' } },
        objectSelector: { matchLabels: { [suffix]: 'true' } },
      },
    );
    const body = { metadata: { name, labels: { ...labels, [suffix]: 'true' } }, webhooks: [...webhooks, marker] };
    this.#registered.push(`${path}/${name}`);
    const made = await this.space.ask('POST', path, { body });
    await this.effective(suffix);
    return made;
  }

  path(sort: 'validating' | 'mutating', suffix: string): string {
    return `${registration}/${sort}webhookconfigurations/${this.space.namespace}-${suffix}`;
  }

  /** Waits until the marker of a registration is denied. */
  async effective(suffix: string): Promise<void> {
    const markers = `/api/v1/namespaces/${this.space.namespace}-markers/configmaps`;
    await eventually(`${suffix} is asked`, async () => {
      const metadata = { name: suffix, labels: { [suffix]: 'true' } };
      const { code, body } = await this.space.request('POST', markers, { body: { metadata } });
      if (code >= 400 && body.message.includes('denied')) return true;
      assert.equal(code, 201, JSON.stringify(body));
      await this.space.ask('DELETE', `${markers}/${suffix}`);
      return undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#registered) await this.space.request('DELETE', path);
    await this.space.request('DELETE', `/api/v1/namespaces/${this.space.namespace}-markers`);
    await this.server[Symbol.asyncDispose]();
  }
}
