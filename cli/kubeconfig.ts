// kubeconfig files: those our components read, and the user's, into which a cluster's context is merged the way
// kubectl would do it (same choice of file, same lock, entries replaced by name, everything else kept).
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Document, parseDocument, YAMLMap, YAMLSeq } from 'yaml';
import { messageOf } from '../machinery/errors.ts';
import { asUser, type Caller } from './host/caller.ts';
import { readIfExists, writeFileAtomic } from './host/files.ts';
import type { Layout } from './layout.ts';
import { pkiFiles } from './pki/plan.ts';
import { errnoOf, UserError } from './user-error.ts';

export interface Access {
  server: string;
  caFile: string;
  /** Path of the client certificate without `.crt` and `.key`. */
  clientFile: string;
}

/** The entries of one cluster in a kubeconfig; all three carry the context's name. */
export interface Entries {
  name: string;
  cluster: Record<string, string>;
  user: Record<string, string>;
}

const base64 = (file: string) => readFileSync(file).toString('base64');

export function entriesOf(name: string, access: Access): Entries {
  return {
    name,
    cluster: { 'certificate-authority-data': base64(access.caFile), server: access.server },
    user: {
      'client-certificate-data': base64(`${access.clientFile}.crt`),
      'client-key-data': base64(`${access.clientFile}.key`),
    },
  };
}

/** The administrator's access to a cluster from the host. */
export function adminAccess(layout: Layout): Access {
  const { ca, admin } = pkiFiles(layout);
  return { server: layout.apiUrl, caFile: `${ca}.crt`, clientFile: admin };
}

const sections = [
  ['clusters', 'cluster'],
  ['users', 'user'],
  ['contexts', 'context'],
] as const;

/** The text of a kubeconfig with the entries in it, made current. Comments and other clusters' entries stay. */
export function mergeEntries(text: string, entries: Entries): string {
  const doc = open(text);
  const bodies = {
    clusters: entries.cluster,
    users: entries.user,
    contexts: { cluster: entries.name, user: entries.name },
  };
  for (const [section, key] of sections) {
    const list = doc.get(section);
    const seq = list instanceof YAMLSeq ? list : new YAMLSeq();
    if (seq !== list) doc.set(section, seq);
    const item = doc.createNode({ name: entries.name, [key]: bodies[section] });
    const at = seq.items.findIndex((x) => x instanceof YAMLMap && x.get('name') === entries.name);
    if (at < 0) seq.items.push(item);
    else seq.items[at] = item;
    seq.flow = false;
  }
  doc.set('current-context', entries.name);
  return doc.toString({ lineWidth: 0 });
}

/** The text without a cluster's entries, or undefined when it had none. */
export function removeEntries(text: string, name: string): string | undefined {
  const doc = open(text);
  let found = false;
  for (const [section] of sections) {
    const seq = doc.get(section);
    if (!(seq instanceof YAMLSeq)) continue;
    const kept = seq.items.filter((x) => !(x instanceof YAMLMap && x.get('name') === name));
    found ||= kept.length < seq.items.length;
    seq.items = kept;
    if (kept.length === 0) seq.flow = true;
  }
  if (doc.get('current-context') === name) doc.set('current-context', '');
  return found ? doc.toString({ lineWidth: 0 }) : undefined;
}

function open(text: string): Document {
  const doc = text.trim() === '' ? new Document({ apiVersion: 'v1', kind: 'Config' }) : parseDocument(text);
  const [problem] = doc.errors;
  if (problem) throw problem;
  if (!(doc.contents instanceof YAMLMap)) throw new Error('not a mapping');
  return doc as Document;
}

/** Where kubectl would write: --kubeconfig, the first existing file of $KUBECONFIG (else its last), ~/.kube/config. */
export function kubeconfigPath(flag: string | undefined, env: NodeJS.ProcessEnv): string {
  if (flag !== undefined) return flag;
  const listed = (env.KUBECONFIG ?? '').split(':').filter((path) => path !== '');
  const first = listed.find(existsSync) ?? listed.at(-1);
  return first ?? join(env.HOME ?? '/root', '.kube', 'config');
}

/** A kubeconfig of somebody's. */
export interface KubeconfigFile {
  path: string;
  /** Whose it is and with whose rights it is changed, where those are not our own. */
  owner?: Caller;
}

/**
 * The kubeconfigs that a cluster's context belongs into, the user's own first. With sudo that is
 * the one of the user who called it, and root's as well: `sudo -i` and `sudo` cannot be told apart,
 * and kubectl should work after either.
 */
export function kubeconfigFiles(
  flag: string | undefined,
  env: NodeJS.ProcessEnv,
  caller: Caller | undefined,
): KubeconfigFile[] {
  const own = kubeconfigPath(flag, env);
  if (!caller) return [{ path: own }];
  if (flag !== undefined || (env.KUBECONFIG ?? '') !== '') return [{ path: own, owner: caller }];
  const path = kubeconfigPath(undefined, { HOME: caller.home });
  return [{ path, owner: caller }, ...(own === path ? [] : [{ path: own }])];
}

const withRightsOf = <T>({ owner, path }: KubeconfigFile, body: () => T): T =>
  owner ? asUser(owner, path, body) : body();

/** Puts the entries into files; returns the first, which is the user's own. */
export function mergeIntoFiles(files: readonly KubeconfigFile[], entries: Entries): string {
  for (const file of files) withRightsOf(file, () => mergeIntoFile(file.path, entries));
  return files[0]!.path;
}

export function removeFromFiles(files: readonly KubeconfigFile[], name: string): void {
  for (const file of files) withRightsOf(file, () => removeFromFile(file.path, name));
}

export function mergeIntoFile(path: string, entries: Entries): void {
  updateFile(path, (text) => mergeEntries(text, entries));
}

/** Takes a cluster's entries out of a file. Returns false when there were none. */
export function removeFromFile(path: string, name: string): boolean {
  if (readIfExists(path) === undefined) return false;
  let removed = false;
  updateFile(path, (text) => {
    const rest = removeEntries(text, name);
    removed = rest !== undefined;
    return rest;
  });
  return removed;
}

function updateFile(path: string, change: (text: string) => string | undefined): void {
  let release: (() => void) | undefined;
  try {
    release = lockLikeKubectl(path);
    const next = changed(path, change);
    if (next !== undefined) replace(path, next);
  } catch (err) {
    if (err instanceof UserError || errnoOf(err) === undefined) throw err;
    throw new UserError(`${path} cannot be changed: ${messageOf(err)}`, {
      hint: 'Name another file with --kubeconfig.',
      cause: err,
    });
  } finally {
    release?.();
  }
}

/** A link goes on leading to the file, which stays whose it is and as open as it is. */
function replace(path: string, text: string): void {
  const file = existsSync(path) ? realpathSync(path) : path;
  const owner = statSync(file, { throwIfNoEntry: false });
  writeFileAtomic(file, text, { mode: (owner?.mode ?? 0o600) & 0o777, owner });
}

function changed(path: string, change: (text: string) => string | undefined): string | undefined {
  const text = readIfExists(path) ?? '';
  try {
    return change(text);
  } catch (err) {
    throw new UserError(`${path} is no kubeconfig: ${messageOf(err)}`, {
      hint: 'Repair it, or name another file with --kubeconfig.',
      cause: err,
    });
  }
}

function lockLikeKubectl(path: string): () => void {
  const lock = `${path}.lock`;
  mkdirSync(dirname(path), { recursive: true });
  try {
    closeSync(openSync(lock, 'wx', 0o600));
  } catch (err) {
    if (errnoOf(err) !== 'EEXIST') throw err;
    throw new UserError(`${path} is locked by another program`, { hint: `If none is running, delete ${lock}.` });
  }
  return () => rmSync(lock, { force: true });
}
