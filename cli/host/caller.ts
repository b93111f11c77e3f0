// Who called us through sudo: files that are for people belong to them, in their own folders. There root acts as that
// user, so that whatever stands or is put there meanwhile (links, folders of others) is met with the user's rights.
import { spawnSync } from 'node:child_process';
import { errnoOf, UserError } from '../user-error.ts';

export interface Caller {
  name: string;
  uid: number;
  gid: number;
  /** All groups of the user. */
  groups: number[];
  home: string;
}

/** The user who called sudo, or undefined where nobody did or that is root too. */
export function readCaller(env: NodeJS.ProcessEnv, uid: number | undefined): Caller | undefined {
  const asked = env.SUDO_UID;
  if (uid !== 0 || asked === undefined || !/^[1-9]\d*$/.test(asked)) return undefined;
  // Users may live elsewhere than in /etc/passwd.
  const ask = (command: string, ...args: string[]) => spawnSync(command, args, { encoding: 'utf8' }).stdout ?? '';
  const user = parsePasswd(ask('getent', 'passwd', asked), Number(asked));
  if (!user) return undefined;
  const groups = ask('id', '-G', user.name).trim().split(' ').filter(Boolean).map(Number);
  return { ...user, groups: groups.length === 0 ? [user.gid] : groups };
}

/** A line of passwd(5), or undefined when it is none of that user. */
export function parsePasswd(line: string, uid: number): Omit<Caller, 'groups'> | undefined {
  const [name = '', , lineUid, gid, , home = ''] = line.trimEnd().split(':');
  if (name === '' || !home.startsWith('/') || Number(lineUid) !== uid) return undefined;
  return { name, uid, gid: Number(gid), home };
}

/** Does something in the name of a user, and then is root again. It must not go on after its return. */
export function asUser<T>(user: Caller, path: string, body: () => T): T {
  const groups = process.getgroups!();
  const group = process.getegid!();
  process.setgroups!(user.groups);
  process.setegid!(user.gid);
  process.seteuid!(user.uid);
  try {
    return body();
  } catch (err) {
    if (!['EACCES', 'EPERM'].includes(errnoOf(err) ?? '')) throw err;
    throw new UserError(`${user.name} may not write ${path}`, {
      hint: 'It is written with the rights of the user who called sudo. Make it theirs, or name another file with --kubeconfig.',
      cause: err,
    });
  } finally {
    process.seteuid!(0);
    process.setegid!(group);
    process.setgroups!(groups);
  }
}
