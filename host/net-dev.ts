// The interfaces of a network namespace and what they count. https://man7.org/linux/man-pages/man5/proc_pid_net.5.html

/** Rows of /proc/PID/net/dev: eight counters of what was received (bytes, packets, errors, dropped, ...), eight of what was sent. */
export function netDevRows(text: string): { name: string; counts: string[] }[] {
  return text
    .split('\n')
    .slice(2)
    .filter((line) => line.includes(':'))
    .map((line) => {
      const [name = '', counters = ''] = line.split(':');
      return { name: name.trim(), counts: counters.trim().split(/\s+/) };
    });
}
