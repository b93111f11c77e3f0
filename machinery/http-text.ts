// HTTP/1.1 as text, for connections that leave HTTP: what goes on to the next hop, and what answers
// a refused upgrade, is written by hand.

/** The head of an answer that ends its connection. `status` is code and reason, `404 Not Found`. */
export function renderAnswerHead(
  status: string,
  headers: Readonly<Record<string, string | readonly string[]>>,
  body: string | Uint8Array,
): string {
  const lines = [`HTTP/1.1 ${status}`];
  for (const [name, value] of Object.entries(headers)) for (const one of [value].flat()) lines.push(`${name}: ${one}`);
  lines.push(`Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close');
  return `${lines.join('\r\n')}\r\n\r\n`;
}

interface NextHop {
  path: string;
  /** Host and port. */
  host: string;
  headers?: Readonly<Record<string, string | readonly string[]>>;
}

// They speak of the client's connection or identity.
const ownHeaders = new Set(['host', 'authorization', 'content-length']);

/**
 * The head of a request as the next hop gets it: without the headers that end here, which may be
 * more than those of every connection.
 */
export function renderPassedOnHead(
  message: { method?: string | undefined; rawHeaders: readonly string[] },
  { path, host, headers = {} }: NextHop,
  endsHere: (name: string) => boolean = () => false,
): string {
  const lines = [`${message.method} ${path} HTTP/1.1`, `Host: ${host}`];
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const name = message.rawHeaders[i]!;
    const key = name.toLowerCase();
    if (!ownHeaders.has(key) && !endsHere(key)) lines.push(`${name}: ${message.rawHeaders[i + 1]}`);
  }
  for (const [name, value] of Object.entries(headers)) for (const one of [value].flat()) lines.push(`${name}: ${one}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
