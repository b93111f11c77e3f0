// Tokens for pods, asked for by TokenRequest and bound to the pod; kept until four fifths of their life are over.
// Upstream: pkg/kubelet/token.

import type { TokenRequest } from '../../api/authentication/tokenrequest.ts';
import type { ServiceAccountTokenProjection } from '../../api/core/pod/file-volumes.ts';
import type { Pod } from '../../api/core/pod.ts';
import { ServiceAccountKind } from '../../api/core/serviceaccount.ts';
import type { KubeClient } from '../../client/rest.ts';
import type { Clock } from '../../machinery/clock.ts';

export interface Token {
  value: string;
  refreshAtMs: number;
  expiresAtMs: number;
}

const refreshShare = 0.8;
const maxAgeMs = 24 * 3600_000;

export class ServiceAccountTokens {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, Token>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * A token with enough life left, a new one if need be, and when to ask again. An old one that is
   * still good serves while the API server is away.
   */
  async get(pod: Pod, wish: ServiceAccountTokenProjection): Promise<Token> {
    const key = [pod.metadata.uid, wish.audience ?? '', wish.expirationSeconds].join('\n');
    const known = this.#tokens.get(key);
    const now = this.#clock.now();
    if (known && now < known.refreshAtMs) return known;
    try {
      const token = await this.#request(pod, wish);
      this.#tokens.set(key, token);
      return token;
    } catch (err) {
      if (known && now < known.expiresAtMs) return { ...known, refreshAtMs: now + 10_000 };
      throw err;
    }
  }

  forget(podUid: string): void {
    for (const key of this.#tokens.keys()) if (key.startsWith(`${podUid}\n`)) this.#tokens.delete(key);
  }

  async #request(pod: Pod, wish: ServiceAccountTokenProjection): Promise<Token> {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const account = pod.spec.serviceAccountName || 'default';
    const startMs = this.#clock.now();
    const answer = await this.#client
      .resource(ServiceAccountKind)
      .createSubresource<TokenRequest>({ namespace, name: account }, 'token', {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        spec: {
          audiences: wish.audience ? [wish.audience] : [],
          expirationSeconds: wish.expirationSeconds ?? 3600,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      });
    const expiresAtMs = Date.parse(answer.status?.expirationTimestamp ?? '');
    // The server may give a longer life than asked for; the refresh keeps to the wish.
    const lifeMs = Math.min(expiresAtMs - startMs, (wish.expirationSeconds ?? 3600) * 1000);
    const refreshAtMs = startMs + Math.min(lifeMs * refreshShare, maxAgeMs);
    return { value: answer.status?.token ?? '', refreshAtMs, expiresAtMs };
  }
}
