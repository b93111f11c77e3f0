// A control plane with all controllers, for an operator whose manifests stand in examples/operators: kubectl beside a
// process that goes on working (its webhooks and its operator live in this one), and clients as its service accounts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as k8s from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { eventually, Kubectl, type Outcome } from './kubectl.ts';
import { startWebhookServer, type WebhookServer } from './webhook-server.ts';
import { startWorkloadCluster, type WorkloadCluster } from './workload-cluster.ts';

const folderOf = (name: string) => join('examples/operators', name);

/** All objects of the manifests of an operator. */
export function manifestsOf(name: string): any[] {
  const files = readdirSync(folderOf(name)).filter((file) => file.endsWith('.yaml'));
  return files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(folderOf(name), file), 'utf8')).map((document) => document.toJS()),
  );
}

const waitDeadlineMs = 60_000;

export class OperatorCluster implements AsyncDisposable {
  readonly cluster: WorkloadCluster;
  readonly webhook: WebhookServer;
  readonly folder: string;
  readonly #kubectl: Kubectl;

  constructor(parts: { cluster: WorkloadCluster; webhook: WebhookServer; kubeconfig: string; name: string }) {
    this.cluster = parts.cluster;
    this.webhook = parts.webhook;
    this.folder = folderOf(parts.name);
    this.#kubectl = new Kubectl(parts.kubeconfig);
  }

  /** Runs kubectl to its end. */
  async run(args: string[], input = ''): Promise<Outcome> {
    const child = this.#kubectl.start(args);
    child.stdin?.end(input);
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
    return { code: await ended, stdout, stderr };
  }

  /** The output of a command that must succeed. */
  async get(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} exited ${code}: ${stderr}`);
    return stdout;
  }

  async json(...args: string[]): Promise<any> {
    return JSON.parse(await this.get(...args, '-o', 'json'));
  }

  /** What kubectl says of a command that must fail. */
  async refusal(args: string[], input?: object): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, input && JSON.stringify(input));
    if (code === 0) throw new Error(`kubectl ${args.join(' ')} did not fail: ${stdout}`);
    return stderr.trim();
  }

  /** Applies an object; a warning of kubectl's stands on stderr. */
  async apply(object: object, ...args: string[]): Promise<Outcome> {
    const outcome = await this.run(['apply', '--server-side', '-f', '-', ...args], JSON.stringify(object));
    if (outcome.code !== 0) throw new Error(`kubectl apply exited ${outcome.code}: ${outcome.stderr}`);
    return outcome;
  }

  /** `apply` of all manifests at once. */
  install(...args: string[]): Promise<Outcome> {
    return this.run(['apply', '--server-side', '-f', this.folder, ...args]);
  }

  /** Points the webhooks of a configuration, or the conversion of a definition, to the server of the test. */
  async redirect(resource: string, name: string): Promise<void> {
    const object = await this.json('get', resource, name);
    const configs: [path: string, config: any][] = object.webhooks
      ? object.webhooks.map((one: any, i: number) => [`/webhooks/${i}/clientConfig`, one.clientConfig])
      : [['/spec/conversion/webhook/clientConfig', object.spec.conversion.webhook.clientConfig]];
    const patch = configs.map(([path, config]) => ({
      op: 'replace',
      path,
      value: this.webhook.clientConfig(config.service.path),
    }));
    await this.get('patch', resource, name, '--type=json', '-p', JSON.stringify(patch));
  }

  until<T>(what: string, check: () => T | undefined | Promise<T | undefined>): Promise<T> {
    return eventually(what, check, waitDeadlineMs);
  }

  /** A client with a token of a service account, as a pod of it has one. */
  async configOf(namespace: string, account: string): Promise<k8s.KubeConfig> {
    const { api } = this.cluster;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const { status } = await this.cluster.post(path, { spec: { expirationSeconds: 3600 } });
    const config = new k8s.KubeConfig();
    const caData = Buffer.from(api.authority.certificatePem).toString('base64');
    config.loadFromClusterAndUser(
      { name: 'test', server: api.server, caData, skipTLSVerify: false },
      { name: account, token: status.token },
    );
    return config;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.webhook[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
  }
}

export async function startOperatorCluster(name: string): Promise<OperatorCluster> {
  const cluster = await startWorkloadCluster();
  const webhook = await startWebhookServer(cluster.api);
  return new OperatorCluster({ cluster, webhook, kubeconfig: await cluster.api.kubeconfig(), name });
}
