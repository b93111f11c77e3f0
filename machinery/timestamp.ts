// Times as the API writes them: RFC 3339 in UTC, with seconds (`time`) or microseconds (`micro-time`).
// Upstream: apimachinery's metav1.Time and MicroTime.

const firstMs = Date.parse('0001-01-01T00:00:00Z');
const lastMs = Date.parse('9999-12-31T23:59:59Z');

/** A time beyond what RFC 3339 can write becomes the first or last that it can. */
export function timestamp(ms: number): string {
  return `${new Date(Math.min(Math.max(ms, firstMs), lastMs)).toISOString().slice(0, 19)}Z`;
}

/** Six digits, of which a clock that counts milliseconds fills three. */
export function microTimestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
