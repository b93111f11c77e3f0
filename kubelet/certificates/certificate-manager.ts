// A certificate that renews itself: asked for with a CertificateSigningRequest, again when most of its life is over.
// What it is about to do stands on the disk first, so that the next process goes on where this one was.
// Upstream: k8s.io/client-go/util/certificate. https://kubernetes.io/docs/tasks/tls/certificate-rotation/

import { createHash, createPublicKey } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/certificates/certificatesigningrequest/schema.ts';
import { CertificateSigningRequestKind } from '../../api/certificates/certificatesigningrequest.ts';
import type { Subject } from '../../client/certificates.ts';
import type { KubeClient } from '../../client/rest.ts';
import { parseCertificateRequest } from '../../machinery/certificate-request.ts';
import type { Clock } from '../../machinery/clock.ts';
import { isAlreadyExists } from '../../machinery/errors.ts';
import type { Logger } from '../../machinery/log.ts';
import { pemOfField } from '../../machinery/pem.ts';
import type { Random } from '../../machinery/random.ts';
import { keepTrying } from '../keep-trying.ts';
import { CertificateFiles, type Pair, readPair } from './certificate-files.ts';

export interface CertificateManagerOptions {
  /** Of files: kubelet-client, kubelet-server. */
  name: string;
  dir: string;
  signerName: string;
  usages: readonly string[];
  subject: Subject;
  /** Whom to ask; it may change. */
  client(): KubeClient;
  /** One from elsewhere: the younger of it and the one on the disk counts. */
  initial?: Pair | undefined;
  onChange(pair: Pair): void;
}

const minRetryMs = 2_000;
const maxRetryMs = 32_000;
/** A clock that was set is noticed after so long. */
const longestWaitMs = 3600_000;
const watchSeconds = 600;

/** When a certificate is renewed: between 70 and 90 percent of its life. Pure. */
export function renewalMs({ notBeforeMs, notAfterMs }: Pair, random: Random): number {
  return notBeforeMs + (notAfterMs - notBeforeMs) * (0.7 + 0.2 * random.next());
}

export class CertificateManager {
  readonly #options: CertificateManagerOptions;
  readonly #deps: { clock: Clock; random: Random; log: Logger };
  readonly #files: CertificateFiles;
  #current: Pair | undefined;
  /** Failures to renew, since the start. */
  failures = 0;

  constructor(options: CertificateManagerOptions, deps: { clock: Clock; random: Random; log: Logger }) {
    this.#options = options;
    this.#deps = deps;
    this.#files = new CertificateFiles(options.dir, options.name);
    const [kept, given] = [this.#files.read(), options.initial];
    const youngest = kept && given ? (kept.notBeforeMs >= given.notBeforeMs ? kept : given) : (kept ?? given);
    this.#current = youngest;
    if (!this.isGood) this.#current = undefined;
  }

  /** Whether there is a certificate that has not expired. */
  get isGood(): boolean {
    return (this.#current?.notAfterMs ?? 0) > this.#deps.clock.now();
  }

  /** The last certificate; one that had expired at the start is none. */
  get current(): Pair | undefined {
    return this.#current;
  }

  /** Where the certificate and its key are. */
  get path(): string {
    return this.#files.path;
  }

  /** Resolves when there is a certificate. */
  async obtain(signal: AbortSignal): Promise<void> {
    if (this.#current) return;
    await keepTrying(() => this.#renew(signal), this.#patience(signal, 'no certificate yet; asking again'));
  }

  #patience(signal: AbortSignal, complaint: string) {
    const { clock, log } = this.#deps;
    const onFailure = (err: unknown) => {
      this.failures++;
      log.error({ err, certificate: this.#options.name }, complaint);
    };
    return { clock, signal, delayMs: minRetryMs, maxDelayMs: maxRetryMs, onFailure };
  }

  /** Renews it whenever that is due, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    const nextMs = () => (this.#current ? renewalMs(this.#current, random) : 0);
    const renewWhenDue = async () => {
      for (let leftMs = dueMs - clock.now(); leftMs > 0; leftMs = dueMs - clock.now())
        await clock.sleep(Math.min(leftMs, longestWaitMs), signal);
      await this.#renew(signal);
    };
    const patience = this.#patience(signal, 'the certificate could not be renewed; trying again');
    let dueMs = nextMs();
    try {
      for (;;) {
        await keepTrying(renewWhenDue, patience);
        dueMs = nextMs();
      }
    } catch {
      // It is time to end.
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { makeKey, makeRequest } = await import('../../client/certificates.ts');
    const keyPem = this.#files.pendingKey() ?? makeKey();
    this.#files.keepKey(keyPem);
    const certificatePem = await this.#ask(keyPem, await makeRequest(keyPem, this.#options.subject), signal);
    const pair = readPair(Buffer.from(certificatePem), Buffer.from(keyPem));
    if (!pair || pair.notAfterMs <= this.#deps.clock.now())
      throw this.#giveUp('what was issued is no certificate for now');
    await this.#files.write(certificatePem, keyPem);
    this.#current = pair;
    this.#deps.log.info(
      { certificate: this.#options.name, until: new Date(pair.notAfterMs) },
      'a certificate was issued',
    );
    this.#options.onChange(pair);
  }

  /** Nothing comes of this request: the next one is for another key. */
  #giveUp(why: string): Error {
    this.#files.forgetKey();
    return new Error(why);
  }

  /** Sends the request, unless it has been sent for this key before, and waits for what becomes of it. */
  async #ask(keyPem: string, requestPem: string, signal: AbortSignal): Promise<string> {
    const { signerName, usages, subject, client } = this.#options;
    const publicKey = createPublicKey(keyPem).export({ format: 'der', type: 'spki' });
    const name = nameOf([publicKey.toString('base64'), JSON.stringify([signerName, usages, subject])]);
    const requests = client().resource(CertificateSigningRequestKind);
    const spec = { request: Buffer.from(requestPem).toString('base64'), signerName, usages: [...usages] };
    const sent = await requests.create({ metadata: { name }, spec } as CertificateSigningRequest).catch((err) => {
      if (!isAlreadyExists(err)) throw err;
      return requests.get({ name });
    });
    if (!isFor(sent, publicKey)) throw this.#giveUp(`certificate signing request ${name} is somebody else's`);
    this.#deps.log.info({ certificate: this.#options.name, request: name }, 'waiting for a certificate');
    for (;;) {
      const found = await this.#watch(client(), name, signal);
      if (typeof found === 'string') return found;
      if (found) throw found;
    }
  }

  /** The certificate, or why there will be none; nothing when neither is known yet. */
  async #watch(client: KubeClient, name: string, signal: AbortSignal): Promise<string | Error | undefined> {
    const enough = new AbortController();
    let verdict: string | Error | undefined;
    const options = {
      fieldSelector: `metadata.name=${name}`,
      timeoutSeconds: watchSeconds,
      signal: AbortSignal.any([signal, enough.signal]),
    };
    try {
      await client.resource(CertificateSigningRequestKind).watch(options, ({ type, object }) => {
        if (type === 'DELETED') verdict = new Error(`certificate signing request ${name} was deleted`);
        else if (type === 'ADDED' || type === 'MODIFIED') verdict = this.#judge(object);
        if (verdict) enough.abort();
      });
    } catch (err) {
      if (!enough.signal.aborted) throw err;
    }
    return verdict;
  }

  #judge({ metadata, status }: CertificateSigningRequest): string | Error | undefined {
    for (const { type, reason, message } of status?.conditions ?? []) {
      if (type !== 'Denied' && type !== 'Failed') continue;
      const word = type === 'Denied' ? 'is denied' : 'failed';
      const what = `certificate signing request ${metadata.name} ${word}`;
      return this.#giveUp(`${what}, reason: ${reason ?? ''}, message: ${message ?? ''}`);
    }
    const { certificate } = status ?? {};
    return certificate ? pemOfField(certificate) : undefined;
  }
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** `csr-8vdkz`, as upstream generates names; the same for the same request, so that it is found again. */
function nameOf(parts: readonly string[]): string {
  const digest = createHash('sha256').update(parts.join('|')).digest();
  return `csr-${[...digest.subarray(0, 5)].map((byte) => alphabet[byte % alphabet.length]).join('')}`;
}

function isFor({ spec }: CertificateSigningRequest, publicKey: Buffer): boolean {
  try {
    return publicKey.equals(parseCertificateRequest(pemOfField(spec.request)).publicKeyDer);
  } catch {
    return false;
  }
}
