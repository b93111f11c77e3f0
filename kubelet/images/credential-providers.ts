// Programs of the node that know credentials of registries: each is asked about the images that its configuration names, by
// a request on its standard input, and its answer is kept for as long as it says. Where one fails, the pull goes on without.
// https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../api/core/pod.ts';
import type { ServiceAccount } from '../../api/core/serviceaccount.ts';
import { runCommand } from '../../host/command.ts';
import { AnswerCache } from '../../machinery/answer-cache.ts';
import type { Clock } from '../../machinery/clock.ts';
import { ConfigFileError, type ConfigFileForm, parseConfig } from '../../machinery/config-file.ts';
import { parseGoDuration, tryGoDuration } from '../../machinery/duration.ts';
import { messageOf } from '../../machinery/errors.ts';
import { invalid, notSupported } from '../../machinery/field-error.ts';
import { fullNameOf, registryOf } from '../../machinery/image-reference.ts';
import type { Logger } from '../../machinery/log.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';
import type { ServiceAccountTokens } from '../objects/service-account-tokens.ts';
import { annotationsOf, type CredentialProvider, readProviders } from './credential-provider-config.ts';
import { type CredentialSource, matchesImage } from './credentials.ts';
import type { PullAccount } from './pull-records.ts';

export interface CredentialProviderSettings {
  /** A file, or a folder of files; empty for no providers. */
  configPath: string;
  binDir: string;
  /** The variables that every provider has. */
  env: Record<string, string | undefined>;
}

interface Deps {
  clock: Clock;
  log: Logger;
  tokens: Pick<ServiceAccountTokens, 'get'>;
  account(namespace: string, name: string): Promise<ServiceAccount>;
}

/** What a provider may take. */
const timeoutMs = 60_000;
const maxAnswerBytes = 1024 * 1024;

const name = 'io.k8s.kubelet.pkg.apis.credentialprovider.v1';
const authConfig = s.object(`${name}.AuthConfig`, 'Credentials.', { username: s.string(''), password: s.string('') });
const response = s.object(`${name}.CredentialProviderResponse`, 'What a provider knows.', {
  apiVersion: s.string(''),
  kind: s.string(''),
  cacheKeyType: s.string('Image, Registry or Global: what else they are good for.'),
  cacheDuration: s.string('How long they are kept; 0 for not.'),
  auth: s.map(authConfig, 'By the images they are for.'),
});
const cacheKeyTypes = ['Image', 'Registry', 'Global'];

const responseForm = (apiVersion: string): ConfigFileForm<TypeOf<typeof response>> => ({
  apiVersion,
  kind: 'CredentialProviderResponse',
  schema: response,
  validate({ cacheKeyType = '', cacheDuration }) {
    const ms = cacheDuration ? tryGoDuration(cacheDuration) : 0;
    return [
      ...(cacheKeyTypes.includes(cacheKeyType) ? [] : [notSupported('cacheKeyType', cacheKeyType, cacheKeyTypes)]),
      ...(typeof ms === 'string' ? [invalid('cacheDuration', cacheDuration, ms)] : []),
    ];
  },
});

/** The account of a pod, as a provider is told of it. */
interface Asker {
  account?: PullAccount;
  token?: string;
  annotations?: Record<string, string>;
  /** For whom an answer is kept. */
  key: string;
}

/** Answers what the providers have for a pod and an image. Throws ConfigFileError, also where a program is missing. */
export function openCredentialProviders(settings: CredentialProviderSettings, deps: Deps) {
  const configs = settings.configPath === '' ? [] : readProviders(settings.configPath);
  const providers = configs.map((config) => new Provider(config, settings, deps));
  return async (pod: Pod, image: string): Promise<CredentialSource[]> => {
    const answers = await Promise.all(providers.map((provider) => provider.ask(pod, fullNameOf(image))));
    return answers.filter((answer) => answer !== undefined);
  };
}

type Entries = CredentialSource['entries'];

class Provider {
  readonly #config: CredentialProvider;
  readonly #path: string;
  readonly #env: CredentialProviderSettings['env'];
  readonly #deps: Deps;
  readonly #known = new Map<string, { entries: Entries; untilMs: number }>();
  /** A question is asked once at a time. For how much else its answer is good is not known before, so it keeps none. */
  readonly #underWay: AnswerCache<Entries>;

  constructor(config: CredentialProvider, { binDir, env }: CredentialProviderSettings, deps: Deps) {
    this.#config = config;
    this.#path = join(binDir, config.name!);
    this.#env = { ...env, ...Object.fromEntries((config.env ?? []).map(({ name, value = '' }) => [name, value])) };
    this.#deps = deps;
    this.#underWay = new AnswerCache(deps.clock, () => 0);
    try {
      accessSync(this.#path, constants.X_OK);
    } catch (err) {
      throw new ConfigFileError(`credential provider ${config.name}: ${messageOf(err)}`, { cause: err });
    }
  }

  async ask(pod: Pod, image: string): Promise<CredentialSource | undefined> {
    if (!this.#config.matchImages!.some((pattern) => matchesImage(pattern, image))) return undefined;
    try {
      const asker = await this.#askerOf(pod);
      if (!asker) return undefined;
      const access = asker.account ? { kubernetesServiceAccounts: [asker.account] } : { nodePodsAccessible: true };
      return { entries: await this.#entries(image, asker), accessOf: () => access };
    } catch (err) {
      const { name } = this.#config;
      this.#deps.log.warn({ err, provider: name, image }, 'a credential provider gave no credentials for an image');
      return undefined;
    }
  }

  /** Undefined where the provider is not for the pod. */
  async #askerOf(pod: Pod): Promise<Asker | undefined> {
    const wanted = this.#config.tokenAttributes;
    const { namespace = '' } = pod.metadata;
    const { serviceAccountName: name = '' } = pod.spec;
    if (!wanted || name === '') return wanted?.requireServiceAccount ? undefined : { key: '' };
    const { metadata } = await this.#deps.account(namespace, name);
    const own = Object.entries(metadata.annotations ?? {});
    const annotations = Object.fromEntries(own.filter(([key]) => annotationsOf(wanted).includes(key)));
    if (wanted.requiredServiceAccountAnnotationKeys?.some((key) => !Object.hasOwn(annotations, key))) return undefined;
    const wish = { path: '', audience: wanted.serviceAccountTokenAudience! };
    const { value: token } = await this.#deps.tokens.get(pod, wish);
    const account = { uid: metadata.uid ?? '', namespace, name };
    const by = [account, annotations, wanted.cacheType === 'Token' ? token : ''];
    return { account, token, annotations, key: JSON.stringify(by) };
  }

  async #entries(image: string, asker: Asker): Promise<Entries> {
    const keyOf = (what: string) => JSON.stringify([what, asker.key]);
    const keys: Record<string, string> = { Image: keyOf(image), Registry: keyOf(registryOf(image)), Global: keyOf('') };
    const { clock } = this.#deps;
    for (const key of Object.values(keys)) {
      const known = this.#known.get(key);
      if (known && known.untilMs >= clock.now()) return known.entries;
    }
    return this.#underWay.get(JSON.stringify([image, asker.key, asker.token]), async () => {
      const { auth: entries = {}, cacheKeyType, cacheDuration } = await this.#run(image, asker);
      const keptMs = parseGoDuration(cacheDuration ?? this.#config.defaultCacheDuration!);
      const now = clock.now();
      for (const [key, { untilMs }] of this.#known) if (untilMs < now) this.#known.delete(key);
      if (keptMs > 0) this.#known.set(keys[cacheKeyType!]!, { entries, untilMs: now + keptMs });
      return entries;
    });
  }

  async #run(image: string, { token, annotations = {} }: Asker) {
    const { name, apiVersion, args = [] } = this.#config;
    const request = {
      kind: 'CredentialProviderRequest',
      apiVersion,
      image,
      ...(token ? { serviceAccountToken: token } : {}),
      ...(Object.keys(annotations).length > 0 ? { serviceAccountAnnotations: annotations } : {}),
    };
    const late = new AbortController();
    const why = new Error(`${name}: it did not answer within ${timeoutMs / 1000} seconds`);
    const timer = this.#deps.clock.after(timeoutMs, () => late.abort(why));
    const limits = { maxBytes: maxAnswerBytes, signal: late.signal, killSignal: 'SIGKILL' } as const;
    const how = { name: name!, env: this.#env, input: JSON.stringify(request), ...limits };
    try {
      return this.#read(await runCommand(this.#path, args, how), token);
    } catch (err) {
      late.signal.throwIfAborted();
      throw err;
    } finally {
      timer.cancel();
    }
  }

  #read(answer: string, token: string | undefined) {
    const { name, apiVersion, tokenAttributes } = this.#config;
    let found: TypeOf<typeof response>;
    try {
      found = parseConfig(answer, name!, responseForm(apiVersion!));
    } catch (err) {
      if ((err as Error).cause === undefined) throw err;
      // What stands in the wrong place may be a password.
      throw new Error(`${name}: its answer is no CredentialProviderResponse`);
    }
    // Otherwise what one pod's token opens would be kept for others.
    const isToken = token && Object.values(found.auth ?? {}).some(({ password }) => password === token);
    if (isToken && tokenAttributes!.cacheType !== 'Token')
      throw new Error(`${name}: its password is the token of the account, which takes cacheType Token`);
    return found;
  }
}
