// Tokens that stand in a file, for as long as the process lives. Upstream: token/tokenfile.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
import { readFileSync } from 'node:fs';
import type { UserInfo } from './user.ts';

/** Reads `token,user,uid,"group1,group2"` lines. Throws with the number of a line that is none. */
export function readTokenFile(file: string): ReadonlyMap<string, UserInfo> {
  const users = new Map<string, UserInfo>();
  for (const { fields, line } of readCsv(readFileSync(file, 'utf8'), file)) {
    const [token = '', username = '', uid = '', groups = ''] = fields;
    const fail = (why: string) => new Error(`--token-auth-file: ${file}: line ${line}: ${why}`);
    if (fields.length < 3) {
      throw fail(`must have at least 3 columns (token, user name, user uid), found ${fields.length}`);
    }
    if (token === '') throw fail('the token is empty');
    const user: UserInfo = { username, uid, groups: groups.split(',').filter((group) => group !== '') };
    users.set(token, user); // the last one of equal tokens counts, as upstream
  }
  return users;
}

interface Row {
  fields: string[];
  line: number;
}

/** Rows of comma-separated fields; those in double quotes may hold commas, and double quotes twice. */
function* readCsv(text: string, file: string): Generator<Row> {
  let line = 0;
  for (const raw of text.split(/\r?\n/)) {
    line++;
    if (raw === '') continue;
    const fields: string[] = [];
    const field = /\s*(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
    for (let more = true; more; ) {
      const match = field.exec(raw);
      if (!match) throw new Error(`--token-auth-file: ${file}: line ${line}: bare or unclosed quote`);
      fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
      more = match[3] === ',';
    }
    yield { fields, line };
  }
}
