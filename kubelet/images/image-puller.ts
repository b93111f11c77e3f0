// Makes sure that a container's image is on the node, by its pull policy; failed pulls wait longer each time.
// Upstream: pkg/kubelet/images/image_manager.go, with its reasons, messages and events.

import type { Container } from '../../api/core/pod/container.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Secret } from '../../api/core/secret.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Clock } from '../../machinery/clock.ts';
import { formatGoDuration } from '../../machinery/duration.ts';
import { messageOf } from '../../machinery/errors.ts';
import { applyDefaultTag } from '../../machinery/image-reference.ts';
import type { Image } from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { BackOff } from '../pods/back-off.ts';
import { eventTarget, uidOf } from '../pods/pod-text.ts';
import { StartError } from '../pods/start-error.ts';
import { detailsOf } from '../probes/rpc-text.ts';
import { type CredentialSource, type Credentials, findCredentials, fromSecret } from './credentials.ts';
import type { PullRecords } from './pull-records.ts';

export interface ImagePullerDeps {
  cri: CriClient;
  clock: Clock;
  events: EventRecorder;
  records: PullRecords;
  /** Undefined for a secret that does not exist. */
  secret(pod: Pod, name: string): Promise<Secret | undefined>;
  /** What the programs of the node have for an image. */
  providers(pod: Pod, image: string): Promise<CredentialSource[]>;
}

export class ImagePuller {
  readonly #deps: ImagePullerDeps;
  readonly #backOff: BackOff;
  readonly #pullingMs = new Map<string, number>();
  readonly #failures = new Map<string, { message: string; atMs: number }>();

  constructor(deps: ImagePullerDeps) {
    this.#deps = deps;
    this.#backOff = new BackOff(deps.clock);
  }

  /** The image of a container, pulled if need be. Throws StartError. */
  async ensure(pod: Pod, container: Container, signal: AbortSignal): Promise<Image> {
    const { events, records } = this.#deps;
    const asked = container.image ?? '';
    const tell = (type: 'Normal' | 'Warning', reason: string, message: string) =>
      events.event(eventTarget(pod, container.name), type, reason, message);
    const name = this.#parse(asked, tell);
    const policy = container.imagePullPolicy ?? 'IfNotPresent';
    const present = policy === 'Always' ? undefined : await this.#find(name);
    const shown = async () => (await this.#credentials(pod, name)).map(({ access }) => access);
    if (present && (await records.mayUse(name, present.id, shown))) {
      tell('Normal', 'Pulled', `Container image "${asked}" already present on machine and can be accessed by the pod`);
      return present;
    }
    if (policy === 'Never') {
      const message = `Container image "${asked}" is not present with pull policy of Never`;
      tell('Warning', 'ErrImageNeverPull', message);
      throw new StartError('ErrImageNeverPull', message);
    }
    return this.#pull(pod, container, { name, signal, tell });
  }

  /** How long the images of a pod were pulled. */
  pullingMs(uid: string): number {
    return this.#pullingMs.get(uid) ?? 0;
  }

  /** The pod is gone. */
  forget(uid: string): void {
    this.#pullingMs.delete(uid);
    this.#backOff.forget(`${uid}_`);
    for (const key of this.#failures.keys()) if (key.startsWith(`${uid}_`)) this.#failures.delete(key);
  }

  #parse(asked: string, tell: (type: 'Warning', reason: string, message: string) => void): string {
    try {
      return applyDefaultTag(asked);
    } catch (err) {
      const message = `Failed to apply default image tag "${asked}": ${messageOf(err)}`;
      tell('Warning', 'InspectFailed', message);
      throw new StartError('InvalidImageName', message);
    }
  }

  async #find(name: string): Promise<Image | undefined> {
    const { image } = await this.#deps.cri.images.ImageStatus({ image: { image: name } });
    return image ?? undefined;
  }

  async #pull(
    pod: Pod,
    container: Container,
    options: {
      name: string;
      signal: AbortSignal;
      tell(type: 'Normal' | 'Warning', reason: string, message: string): void;
    },
  ): Promise<Image> {
    const { clock, records } = this.#deps;
    const { name, signal, tell } = options;
    const asked = container.image ?? '';
    const key = `${uidOf(pod)}_${asked}`;
    const failure = this.#failures.get(key);
    const remainingMs = failure ? this.#backOff.remainingMs(key, failure.atMs) : 0;
    if (failure && remainingMs > 0) {
      const message = `Back-off pulling image "${asked}"`;
      tell('Normal', 'BackOff', message);
      throw new StartError('ImagePullBackOff', `${message}: ErrImagePull: ${failure.message}`, {
        retryAfterMs: remainingMs,
      });
    }
    tell('Normal', 'Pulling', `Pulling image "${asked}"`);
    const startMs = clock.monotonicMs();
    try {
      records.begin(name);
      const { ref, used } = await this.#pullWithCredentials(pod, name, signal);
      const image = (await this.#find(ref)) ?? (await this.#find(name));
      if (!image) throw new Error(`image ${JSON.stringify(name)} is not there after its pull`);
      records.pulled(name, image.id, used?.access ?? { nodePodsAccessible: true });
      const tookMs = clock.monotonicMs() - startMs;
      this.#pullingMs.set(uidOf(pod), this.pullingMs(uidOf(pod)) + tookMs);
      const took = formatPull(tookMs);
      const size = `Image size: ${image.size} bytes.`;
      tell('Normal', 'Pulled', `Successfully pulled image "${asked}" in ${took} (${took} including waiting). ${size}`);
      this.#failures.delete(key);
      return image;
    } catch (err) {
      records.end(name);
      signal.throwIfAborted();
      const message = detailsOf(err);
      tell('Warning', 'Failed', `Failed to pull image "${asked}": ${message}`);
      const atMs = clock.now();
      this.#backOff.next(key, atMs);
      this.#failures.set(key, { message, atMs });
      // Soon, so that ErrImagePull gives way to ImagePullBackOff.
      throw new StartError('ErrImagePull', message, { retryAfterMs: 2_000 });
    }
  }

  /** Tries each credential that fits, and none when none does. */
  async #pullWithCredentials(pod: Pod, name: string, signal: AbortSignal) {
    const credentials = await this.#credentials(pod, name);
    let failure: unknown;
    for (const used of credentials.length > 0 ? credentials : [undefined]) {
      try {
        const request = { image: { image: name }, ...(used ? { auth: used.auth } : {}) };
        return { ref: (await this.#deps.cri.images.PullImage(request, { signal })).image_ref, used };
      } catch (err) {
        failure = err;
      }
    }
    throw failure;
  }

  async #credentials(pod: Pod, name: string): Promise<Credentials[]> {
    const names = (pod.spec.imagePullSecrets ?? []).map((s) => s.name ?? '');
    const secrets = await Promise.all(names.map((secret) => this.#deps.secret(pod, secret)));
    const missing = names.filter((secret, i) => secret !== '' && !secrets[i]);
    if (missing.length > 0) {
      const text = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
      this.#deps.events.event(eventTarget(pod), 'Warning', 'FailedToRetrieveImagePullSecret', text);
    }
    const sources = secrets.filter((s) => s !== undefined).map(fromSecret);
    return [...findCredentials(name, sources), ...findCredentials(name, await this.#deps.providers(pod, name))];
  }
}

const formatPull = (ms: number) => (ms >= 1 && ms < 1000 ? `${Math.trunc(ms)}ms` : formatGoDuration(Math.trunc(ms)));
