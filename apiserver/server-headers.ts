// One header value, however often it was sent.
export function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}

/** The values of a header that is sent once for each, which Node joins with a comma and a space. */
export const valuesOf = (value: string | string[] | undefined): string[] =>
  Array.isArray(value) ? value : (value?.split(', ') ?? []);

/** The same where empty ones say nothing. */
export const several = (value: string | string[] | undefined): string[] => valuesOf(value).filter((v) => v !== '');

/** What speaks of one connection, and the client's own credentials: neither goes on through a proxy. As Go's ReverseProxy. */
const hopHeaders: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer', 'upgrade'],
  ...['proxy-authenticate', 'proxy-authorization'],
  ...['host', 'authorization', 'http2-settings'],
]);

type Headers = Record<string, string | string[] | undefined>;
type Test = (name: string) => boolean;

/** A request's headers as they go on through a proxy, this one told of, without those that end here. */
export function headersOnward(headers: Headers, remote: string | undefined, endsHere: Test = () => false): Headers {
  const ends = (name: string) => name.startsWith(':') || name.startsWith('impersonate-') || endsHere(name);
  const kept = keptHeaders(headers, ends);
  const client = [kept['x-forwarded-for'], remote].flat().filter(Boolean).join(', ');
  return { ...kept, ...(client ? { 'x-forwarded-for': client } : {}) };
}

/** Headers that go on to the other side of a proxy. Connection names others that are for the next one alone. */
function keptHeaders(headers: Headers, endsHere: Test = () => false): Record<string, string> {
  const named = new Set(
    one(headers.connection)
      ?.split(',')
      .map((name) => name.trim().toLowerCase()),
  );
  const kept = Object.entries(headers).filter(([name]) => !hopHeaders.has(name) && !named.has(name) && !endsHere(name));
  return Object.fromEntries(kept) as Record<string, string>; // or lists of them, which Node writes as well
}

/**
 * An answer's code and headers as they come back through a proxy. A code that is none (RFC 9110, 15) stands for one of a
 * bad server. Where there can be no body Go's clients take a length for one that was lost, and its server tells of none.
 */
export function answerBack(
  { statusCode = 0, headers }: { statusCode?: number; headers: Headers },
  endsHere: Test = () => false,
): { code: number; headers: Record<string, string> } {
  const code = statusCode >= 200 && statusCode <= 599 ? statusCode : 502;
  const hasNoBody = code === 204 || code === 304;
  return { code, headers: keptHeaders(headers, (name) => endsHere(name) || (hasNoBody && name === 'content-length')) };
}
