// Who a container's process runs as: numbers from the pod, or names looked up in the image's own passwd and group.
import type { ContainerUserIds } from '../store/records.ts';

export interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

export interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

export interface UserWish {
  /** From the pod: a number, or a name. */
  uid?: number;
  username?: string;
  gid?: number;
  supplementalGroups: number[];
  /** Strict leaves out the groups that the image gives the user. */
  policy: 'Merge' | 'Strict';
  /** `user`, `uid`, `user:group`, ... from the image's config. */
  imageUser: string;
}

const rows = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));

export function parsePasswd(text: string): PasswdEntry[] {
  return rows(text).map(([name = '', , uid = '', gid = '', , home = '']) => ({ name, uid: +uid, gid: +gid, home }));
}

export function parseGroup(text: string): GroupEntry[] {
  return rows(text).map(([name = '', , gid = '', members = '']) => ({
    name,
    gid: +gid,
    members: members.split(',').filter((m) => m !== ''),
  }));
}

const isNumber = (text: string) => /^\d+$/.test(text);

/** Resolves the wish. Throws an Error when it names a user or group that the image does not have. */
export function resolveUser(
  wish: UserWish,
  passwd: readonly PasswdEntry[],
  groups: readonly GroupEntry[],
): ContainerUserIds & { home: string } {
  const [imageUser = '', imageGroup = ''] = wish.imageUser.split(':');
  const fromPod = wish.uid !== undefined || (wish.username ?? '') !== '';
  if (wish.gid !== undefined && !fromPod && imageUser === '') throw new Error('user group is specified without user');
  const named = wish.uid !== undefined ? String(wish.uid) : wish.username || imageUser || '0';
  // Digits are a number and never a name: an image must not call its root "1000".
  const entry = passwd.find((p) => (isNumber(named) ? p.uid === Number(named) : p.name === named));
  if (!entry && !isNumber(named)) throw new Error(`unable to find user ${named}: no matching entries in passwd file`);
  const uid = entry?.uid ?? Number(named);
  const gid = wish.gid ?? (fromPod || imageGroup === '' ? (entry?.gid ?? 0) : groupId(imageGroup, groups));
  const memberships = entry && wish.policy === 'Merge' ? groups.filter((g) => g.members.includes(entry.name)) : [];
  for (const id of [uid, gid]) checkId(id);
  const supplementalGroups = [...new Set([gid, ...wish.supplementalGroups, ...memberships.map((g) => g.gid)])];
  return { uid, gid, supplementalGroups, home: entry?.home || '/' };
}

function groupId(text: string, groups: readonly GroupEntry[]): number {
  if (isNumber(text)) return Number(text);
  const entry = groups.find((g) => g.name === text);
  if (!entry) throw new Error(`unable to find group ${text}: no matching entries in group file`);
  return entry.gid;
}

const maxId = 2 ** 31 - 1;

/** Larger numbers wrap around further down, and some of them to root. */
function checkId(id: number): void {
  if (!Number.isInteger(id) || id < 0 || id > maxId) throw new Error(`uids and gids must be in range 0-${maxId}`);
}
