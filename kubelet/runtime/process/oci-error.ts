// What the OCI runtime said when a container could not be made, in the words users know from other runtimes: pods
// carry this text in their status, and people (and tests) look for `exec: "/no/such": stat /no/such: ...`.

export const ociRuntimeError = (rawMessage: string) =>
  new Error(`failed to create container task: OCI runtime create failed: ${translateOciMessage(rawMessage)}`);

const startFailed = 'unable to start container process';

const rules: readonly (readonly [RegExp, (m: RegExpExecArray) => string])[] = [
  [
    /executable file `(.*)` not found/,
    (m) =>
      m[1]!.includes('/')
        ? `${startFailed}: exec: "${m[1]}": stat ${m[1]}: no such file or directory`
        : `${startFailed}: exec: "${m[1]}": executable file not found in $PATH`,
  ],
  [/open executable `?(.*?)`?: Permission denied/, (m) => `${startFailed}: exec: "${m[1]}": permission denied`],
  [/exec(?:ve)? `?(.*?)`?: Permission denied/, (m) => `${startFailed}: exec: "${m[1]}": permission denied`],
  [/exec(?:ve)? `?(.*?)`?: Exec format error/, (m) => `${startFailed}: exec ${m[1]}: exec format error`],
  [
    /(?:chdir|mkdir|cwd).*?`(.*)`: Not a directory/,
    (m) => `${startFailed}: error during container init: mkdir ${m[1]}: not a directory`,
  ],
];

/** A message of the OCI runtime without the decoration of its log. */
export function messageOf(raw: string): string {
  let message = raw.trim();
  // Either `msg="..."` or `"msg": "..."`, by log format.
  const logged = /"?msg"?[=:]\s*"((?:[^"\\]|\\.)*)"/.exec(message);
  if (logged) message = logged[1]!.replace(/\\(.)/g, '$1');
  return message.replace(/^\d{4}-\d\d-\d\dT\S+: /, '');
}

/** Words the common mistakes as other runtimes do. */
export function translateOciMessage(raw: string): string {
  const message = messageOf(raw);
  for (const [pattern, say] of rules) {
    const found = pattern.exec(message);
    if (found) return say(found);
  }
  return message;
}
