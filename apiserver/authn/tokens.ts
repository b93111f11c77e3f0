// Service account tokens: signed JWTs bound to a service account and optionally to a pod, secret or
// node, checked against the objects they are bound to.
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../machinery/clock.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { legacyIssuer, legacyUser } from './legacy-token.ts';
import { credentialIdKey, serviceAccountUser, type UserInfo } from './user.ts';

interface TokenKeys {
  issuer: string;
  /** The audience of tokens for this API server; the issuer itself. */
  audiences: string[];
  /** PEM. */
  publicKey: string;
  privateKey: string;
}

/** What a token is bound to besides its service account. */
export interface BoundObject {
  kind: 'Pod' | 'Secret' | 'Node';
  name: string;
  uid: string;
}

export interface TokenRequest {
  namespace: string;
  serviceAccount: { name: string; uid: string };
  audiences: string[];
  expirationSeconds: number;
  bound?: BoundObject;
  /** Node the bound pod runs on. */
  node?: { name: string; uid?: string };
}

interface KubernetesClaims {
  namespace: string;
  serviceaccount: { name: string; uid: string };
  pod?: { name: string; uid: string };
  secret?: { name: string; uid: string };
  node?: { name: string; uid?: string };
}

// How long a verified signature is trusted without checking it again; what the token is bound to is checked every time.
const verifiedTtlMs = 60_000;
const maxVerified = 2000;
// What is being deleted may still finish its work.
const deletionLeewayMs = 60_000;

export class ServiceAccountTokens {
  readonly #keys: TokenKeys;
  readonly #public: KeyObject;
  readonly #private: KeyObject;
  readonly #algorithm: string;
  readonly #clock: Clock;
  #keyId: string | undefined;
  /** Hears of each use of a token that a Secret holds. */
  onLegacyUse: ((secret: KubeObject) => void) | undefined;
  readonly #verified = new LRUCache<string, { payload: JWTPayload; untilMs: number }>({ max: maxVerified });

  constructor(keys: TokenKeys, clock: Clock) {
    this.#keys = keys;
    this.#public = createPublicKey(keys.publicKey);
    this.#private = createPrivateKey(keys.privateKey);
    this.#algorithm = this.#private.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256';
    this.#clock = clock;
  }

  get defaultAudiences(): readonly string[] {
    return this.#keys.audiences;
  }

  get algorithm(): string {
    return this.#algorithm;
  }

  /** By this name those who verify find the key among several. */
  async #readKeyId(): Promise<string> {
    this.#keyId ??= await calculateJwkThumbprint(await exportJWK(this.#public));
    return this.#keyId;
  }

  /** The public key as others verify tokens with it. */
  async publicJwk(): Promise<JWK> {
    const jwk = await exportJWK(this.#public);
    return { use: 'sig', kid: await this.#readKeyId(), alg: this.#algorithm, ...jwk };
  }

  /** Signs a token. Returns it with the time it expires at. */
  async issue(request: TokenRequest): Promise<{ token: string; expiresAtMs: number }> {
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const { namespace, serviceAccount, bound, node } = request;
    const claims: KubernetesClaims = { namespace, serviceaccount: serviceAccount };
    if (bound) claims[bound.kind.toLowerCase() as 'pod' | 'secret' | 'node'] = { name: bound.name, uid: bound.uid };
    if (node) claims.node = node;
    const expires = nowSeconds + request.expirationSeconds;
    const token = await new SignJWT({ 'kubernetes.io': claims })
      .setProtectedHeader({ alg: this.#algorithm, kid: await this.#readKeyId() })
      .setIssuer(this.#keys.issuer)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount.name}`)
      .setAudience(request.audiences)
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      .setExpirationTime(expires)
      .setJti(crypto.randomUUID())
      .sign(this.#private);
    return { token, expiresAtMs: expires * 1000 };
  }

  /** The user of a token for one of `audiences`, or undefined when it is not valid here and now. */
  async authenticate(
    token: string,
    objects: { store: ObjectStore; kinds: KindTable },
    audiences: readonly string[] = this.#keys.audiences,
  ): Promise<{ user: UserInfo; audiences: string[] } | undefined> {
    const payload = await this.#verify(token);
    if (!payload) return undefined;
    if (payload.iss === legacyIssuer) {
      // It says nothing of audiences.
      const own = this.#keys.audiences.filter((audience) => audiences.includes(audience));
      const known = own.length > 0 ? legacyUser(payload, token, objects) : undefined;
      if (known) this.onLegacyUse?.(known.secret);
      return known && { user: known.user, audiences: own };
    }
    const given = typeof payload.aud === 'string' ? [payload.aud] : (payload.aud ?? []);
    const asked = new Set(audiences);
    const shared = given.filter((audience) => asked.has(audience));
    const claims = payload['kubernetes.io'] as KubernetesClaims | undefined;
    if (shared.length === 0 || !claims || !isLive(claims, objects, this.#clock.now())) return undefined;
    const { namespace, serviceaccount, pod, node } = claims;
    const user = serviceAccountUser(namespace, serviceaccount.name, serviceaccount.uid);
    const extra: Record<string, string[]> = {};
    if (payload.jti) extra[credentialIdKey] = [`JTI=${payload.jti}`];
    if (pod) {
      extra['authentication.kubernetes.io/pod-name'] = [pod.name];
      extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
    }
    if (node) {
      extra['authentication.kubernetes.io/node-name'] = [node.name];
      if (node.uid) extra['authentication.kubernetes.io/node-uid'] = [node.uid];
    }
    return { user: { ...user, extra }, audiences: shared };
  }

  async #verify(token: string): Promise<JWTPayload | undefined> {
    const nowMs = this.#clock.now();
    const known = this.#verified.get(token);
    if (known && known.untilMs > nowMs) return known.payload;
    try {
      const { payload } = await jwtVerify(token, this.#public, {
        issuer: [this.#keys.issuer, legacyIssuer],
        algorithms: [this.#algorithm],
        currentDate: new Date(nowMs),
      });
      const untilMs = Math.min(nowMs + verifiedTtlMs, (payload.exp ?? Number.POSITIVE_INFINITY) * 1000);
      this.#verified.set(token, { payload, untilMs });
      return payload;
    } catch {
      return undefined; // whatever is wrong with it, it proves nobody's identity
    }
  }
}

/**
 * The service account, and what else the token is bound to, must still be the same objects, and not
 * be going away for long.
 */
function isLive(
  claims: KubernetesClaims,
  { store, kinds }: { store: ObjectStore; kinds: KindTable },
  nowMs: number,
): boolean {
  const { namespace, serviceaccount, pod, secret, node } = claims;
  const isSame = (kind: string, ref: { name: string; uid?: string } | undefined, at = namespace) => {
    if (!ref) return true;
    const metadata = store.peek(kinds.kind('', kind), at, ref.name)?.object.metadata;
    if (!metadata || metadata.uid !== ref.uid) return false;
    return !metadata.deletionTimestamp || Date.parse(metadata.deletionTimestamp) >= nowMs - deletionLeewayMs;
  };
  if (!serviceaccount || !isSame('ServiceAccount', serviceaccount)) return false;
  // The node of a pod is only said; it is bound to where it stands alone.
  return isSame('Pod', pod) && isSame('Secret', secret) && (pod !== undefined || isSame('Node', node, ''));
}
