// Who may use an image that is on the node already: a record of every image that the kubelet has pulled says with whose
// credentials, and one of every pull under way keeps what a killed kubelet pulled from passing for the node's own.
// Upstream: pkg/kubelet/images/pullmanager (KEP-2535), whose folders and forms these are.
// https://kubernetes.io/docs/concepts/containers/images/#ensureimagepullcredentialverification

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../host/atomic-file.ts';
import type { Clock } from '../../machinery/clock.ts';
import { fullNameOf } from '../../machinery/image-reference.ts';
import type { Logger } from '../../machinery/log.ts';
import { timestamp } from '../../machinery/timestamp.ts';

/** As in upstream's KubeletConfiguration. */
export interface PullVerification {
  imagePullCredentialsVerificationPolicy: string;
  /** Names without tag or digest, or all below one: `registry.example/team/*`. */
  preloadedImagesVerificationAllowlist: readonly string[];
}

/** Must a pod show credentials for an image that is there? `isOurs`: the kubelet has pulled it. */
const policies: Record<string, (image: string, isOurs: boolean, allowed: readonly string[]) => boolean> = {
  NeverVerify: () => false,
  NeverVerifyPreloadedImages: (_, isOurs) => isOurs,
  NeverVerifyAllowlistedImages: (image, _, allowed) => {
    const name = fullNameOf(image);
    return !allowed.some((one) => (one.endsWith('/*') ? name.startsWith(one.slice(0, -1)) : name === one));
  },
  AlwaysVerify: () => true,
};

export const defaultVerification = 'NeverVerifyPreloadedImages';

/** Throws an Error that says what is wrong. */
export function checkVerification(settings: PullVerification): void {
  const { imagePullCredentialsVerificationPolicy: policy, preloadedImagesVerificationAllowlist: allowed } = settings;
  if (!Object.hasOwn(policies, policy))
    throw new Error(
      `imagePullCredentialsVerificationPolicy must be one of ${Object.keys(policies).join(', ')}: ${JSON.stringify(policy)}`,
    );
  if (allowed.length > 0 && policy !== 'NeverVerifyAllowlistedImages')
    throw new Error(
      'preloadedImagesVerificationAllowlist goes with imagePullCredentialsVerificationPolicy NeverVerifyAllowlistedImages',
    );
  for (const pattern of allowed) {
    const name = pattern.endsWith('/*') ? pattern.slice(0, -2) : pattern;
    const isName = name !== '' && !/[\s*]/.test(name) && (name !== pattern || fullNameOf(name) === name);
    if (!isName)
      throw new Error(
        `preloadedImagesVerificationAllowlist takes full names of images without tag or digest, or ending with /*: ${JSON.stringify(pattern)}`,
      );
  }
}

/** A Secret that opened a registry, and the digest of what it said. */
export interface PullSecret {
  uid: string;
  namespace: string;
  name: string;
  credentialHash: string;
}

/** The account of a pod, for which a program of the node had credentials. */
export type PullAccount = Omit<PullSecret, 'credentialHash'>;

/** Who may use an image: those who have one of these, or all pods of the node. */
export interface Access {
  kubernetesSecrets?: readonly PullSecret[];
  kubernetesServiceAccounts?: readonly PullAccount[];
  /** Pulled without credentials, or with those of the node. */
  nodePodsAccessible?: boolean;
}

interface PulledRecord {
  imageRef: string;
  lastUpdatedTime: string;
  /** By the image's full name. None for a name: pulled, nobody knows by whom. */
  credentialMapping: Record<string, Access>;
}

/** Secrets that are found to be good are noted down as far as this. */
const maxNoted = 100;

export class PullRecords {
  readonly #dir: string;
  readonly #settings: PullVerification;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** How many pulls of an image are under way. */
  readonly #pulls = new Map<string, number>();

  constructor(dir: string, settings: PullVerification, { clock, log }: { clock: Clock; log: Logger }) {
    for (const kind of ['pulling', 'pulled']) mkdirSync(join(dir, kind), { recursive: true, mode: 0o700 });
    this.#dir = dir;
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
  }

  /** What a killed kubelet was pulling and is there: everybody shows credentials for it. */
  async recover(find: (image: string) => Promise<{ id: string } | undefined>): Promise<void> {
    for (const { image } of this.#all<{ image: string }>('pulling')) {
      try {
        const found = await find(image);
        if (found && this.#note(image, found.id)) this.#remove('pulling', image);
      } catch (err) {
        this.#log.warn({ err, image }, 'it is not known whether an image was pulled');
      }
    }
  }

  begin(image: string): void {
    this.#pulls.set(image, (this.#pulls.get(image) ?? 0) + 1);
    this.#write('pulling', image, { kind: 'ImagePullIntent', image });
  }

  /** The pull failed, or is written down. */
  end(image: string): void {
    const others = (this.#pulls.get(image) ?? 1) - 1;
    if (others > 0) this.#pulls.set(image, others);
    else {
      this.#pulls.delete(image);
      this.#remove('pulling', image);
    }
  }

  /** Pulled by whom. What cannot be written down stays a pull under way. */
  pulled(image: string, ref: string, access: Access): void {
    if (this.#note(image, ref, access)) this.end(image);
  }

  /** May who has these use an image that is there, without asking its registry? */
  async mayUse(image: string, ref: string, shownBy: () => Promise<readonly Access[]>): Promise<boolean> {
    const { imagePullCredentialsVerificationPolicy: policy, preloadedImagesVerificationAllowlist } = this.#settings;
    try {
      const record = this.#read(ref);
      const isOurs = record !== undefined || existsSync(this.#fileOf('pulling', image));
      if (!policies[policy]!(image, isOurs, preloadedImagesVerificationAllowlist)) return true;
      const access = record?.credentialMapping[fullNameOf(image)];
      if (!access || access.nodePodsAccessible) return access !== undefined;
      const { kubernetesSecrets: known = [], kubernetesServiceAccounts: accounts = [] } = access;
      if (known.length + accounts.length === 0) return false;
      const isFull = known.length >= maxNoted;
      const shown = await shownBy();
      for (const secret of shown.flatMap(({ kubernetesSecrets = [] }) => kubernetesSecrets)) {
        const isKnown = known.some((one) => one.credentialHash === secret.credentialHash);
        // A secret that was good is believed when it changes.
        if (!isKnown && (isFull || !known.some((one) => isSame(one, secret)))) continue;
        if (!isFull) this.#note(image, ref, { kubernetesSecrets: [secret] });
        return true;
      }
      const own = shown.flatMap(({ kubernetesServiceAccounts = [] }) => kubernetesServiceAccounts);
      return own.some((one) => accounts.some((other) => isSame(one, other)));
    } catch (err) {
      this.#log.warn({ err, image }, 'it is not known who may use an image');
    }
    return false;
  }

  /** Forgets images that are gone and were not pulled again since. */
  prune(refs: ReadonlySet<string>, sinceMs: number): void {
    for (const { imageRef, lastUpdatedTime } of this.#all<PulledRecord>('pulled'))
      if (!refs.has(imageRef) && Date.parse(lastUpdatedTime) < sinceMs) this.#remove('pulled', imageRef);
  }

  /** Adds to the record of an image; false where that cannot be written. */
  #note(image: string, imageRef: string, access?: Access): boolean {
    try {
      const name = fullNameOf(image);
      const record = this.#tryRead(imageRef);
      const old = record?.credentialMapping[name];
      const merged = merge(old, access);
      if (record && merged === old) return true;
      this.#write('pulled', imageRef, {
        kind: 'ImagePulledRecord',
        lastUpdatedTime: timestamp(this.#clock.now()),
        imageRef,
        credentialMapping: { ...record?.credentialMapping, ...(merged ? { [name]: merged } : {}) },
      });
      return true;
    } catch (err) {
      this.#log.warn({ err, image }, 'a pulled image could not be recorded');
      return false;
    }
  }

  #tryRead(imageRef: string): PulledRecord | undefined {
    try {
      return this.#read(imageRef);
    } catch {
      return undefined; // half a file: written anew
    }
  }

  #read(imageRef: string): PulledRecord | undefined {
    const path = this.#fileOf('pulled', imageRef);
    if (!existsSync(path)) return undefined;
    const record = JSON.parse(readFileSync(path, 'utf8'));
    return { ...record, credentialMapping: record.credentialMapping ?? {} };
  }

  #all<T>(kind: string): T[] {
    const dir = join(this.#dir, kind);
    return readdirSync(dir).flatMap((file) => {
      if (!/^sha256-[0-9a-f]{64}$/.test(file)) return [];
      try {
        return [Object(JSON.parse(readFileSync(join(dir, file), 'utf8'))) as T];
      } catch (err) {
        this.#log.warn({ err, file }, 'the record of an image cannot be read');
        return [];
      }
    });
  }

  #fileOf(kind: string, key: string): string {
    return join(this.#dir, kind, `sha256-${createHash('sha256').update(key).digest('hex')}`);
  }

  #write(kind: string, key: string, record: object): void {
    const apiVersion = 'kubelet.config.k8s.io/v1beta1';
    replaceFile(this.#fileOf(kind, key), JSON.stringify({ apiVersion, ...record }));
  }

  #remove(kind: string, key: string): void {
    rmSync(this.#fileOf(kind, key), { force: true });
  }
}

type Shown = PullAccount & { credentialHash?: string };

const isSame = (a: Shown, b: Shown) => a.uid === b.uid && a.namespace === b.namespace && a.name === b.name;

/** The one or the other as it is, where nothing is new. */
function merge(old: Access | undefined, access: Access | undefined): Access | undefined {
  if (!access || old?.nodePodsAccessible) return old;
  if (!old || access.nodePodsAccessible) return access;
  let merged = old;
  for (const list of ['kubernetesSecrets', 'kubernetesServiceAccounts'] as const) {
    const known: readonly Shown[] = old[list] ?? [];
    const added: readonly Shown[] = (access[list] ?? []).filter(
      (one: Shown) => !known.some((other) => isSame(other, one) && other.credentialHash === one.credentialHash),
    );
    if (added.length === 0) continue;
    const kept = known.filter((other) => !added.some((one) => isSame(other, one)));
    merged = { ...merged, [list]: [...kept, ...added] };
  }
  return merged;
}
