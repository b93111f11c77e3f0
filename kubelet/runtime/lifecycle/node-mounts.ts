// What the node has only for reading: a bind mount of it that the OCI runtime is not told so would be for writing.

/** Whether the mount that holds `path`, a real path, is only for reading, by the text of /proc/self/mountinfo. */
export function isReadOnlyMount(path: string, mountInfo: string): boolean {
  let longest = '';
  let isReadOnly = false;
  for (const line of mountInfo.split('\n')) {
    const [, , , , escaped = '', options = ''] = line.split(' ');
    const point = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = point !== '' && (path === point || path.startsWith(point === '/' ? '/' : `${point}/`));
    // What is mounted later lies above.
    if (!holds || point.length < longest.length) continue;
    longest = point;
    isReadOnly = options.split(',').includes('ro');
  }
  return isReadOnly;
}
