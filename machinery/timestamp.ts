// Times as the API writes them: RFC 3339 in UTC, with seconds (`time`) or microseconds (`micro-time`).
// Upstream: apimachinery's metav1.Time and MicroTime.

export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Six digits, of which a clock that counts milliseconds fills three. */
export function microTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
