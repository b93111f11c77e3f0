// From a query to its response: which zone a name is in, what is there, and what another server has to be asked.
//
//   name in the cluster's domain ──> the zone (an alias is followed, also out of the cluster)
//   address of the service or pod range, backwards ──> the zone
//   anything else ──> the name servers of the node
import { isIPv4 } from 'node:net';
import type { Random } from '../../machinery/random.ts';
import {
  classIn,
  type DnsRecord,
  decodeAddresses,
  decodeQuery,
  encodeFormatError,
  encodeQuery,
  encodeResponse,
  encodeTruncated,
  headerBytes,
  isResponse,
  isTruncated,
  type Query,
  type Response,
  rcodes,
  typeCodes,
  udpLimitOf,
} from './message.ts';
import { splitName } from './name.ts';
import type { ClusterZone, ZoneRecord } from './zone.ts';

export type Transport = 'udp' | 'tcp';

/** Asks other name servers. Resolves to undefined when none answers. */
export interface Forwarder {
  forward(message: Buffer, transport: Transport): Promise<Buffer | undefined>;
}

export interface ResolverDeps {
  zone: ClusterZone;
  forwarder: Forwarder;
  /** Whether an address is of the cluster's ranges, of which nobody else knows names. */
  isClusterAddress(address: string): boolean;
  random: Random;
}

const maxAliases = 8;
const zoneTransfers = [251, 252];
const reverseDomain = 'in-addr.arpa';

export class Resolver {
  readonly #deps: ResolverDeps;

  constructor(deps: ResolverDeps) {
    this.#deps = deps;
  }

  /** The response to a message; undefined for what deserves none. Never rejects. */
  async respond(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    if (message.length < headerBytes || isResponse(message)) return undefined;
    let query: Query;
    try {
      query = decodeQuery(message);
    } catch (err) {
      if (!(err instanceof RangeError)) throw err;
      return encodeFormatError(message);
    }
    const result = await this.#resolve(query, message, transport);
    if (Buffer.isBuffer(result)) return result;
    return encodeResponse(query, result, transport === 'udp' ? udpLimitOf(query) : undefined);
  }

  async #resolve(query: Query, message: Buffer, transport: Transport): Promise<Response | Buffer> {
    if ((query.edns?.version ?? 0) > 0) return failure(rcodes.badVersion);
    if (query.opcode !== 0) return failure(rcodes.notImplemented);
    if (query.class !== classIn || zoneTransfers.includes(query.type)) return failure(rcodes.refused);
    const name = query.name.toLowerCase();
    const { zone, isClusterAddress, forwarder } = this.#deps;
    if (zone.contains(name)) return this.#resolveInZone(query, name);
    const address = addressOfReverseName(name);
    if (address !== undefined) {
      const records = zone.reverse(address);
      if (records || isClusterAddress(address)) return this.#answer(query, records, reverseDomain);
    }
    const answer = await forwarder.forward(message, transport);
    if (!answer) return failure(rcodes.serverFailure);
    // Other servers may not care how much the client takes.
    return transport === 'udp' && answer.length > udpLimitOf(query) ? encodeTruncated(query) : answer;
  }

  async #resolveInZone(query: Query, name: string): Promise<Response> {
    const { zone } = this.#deps;
    const aliases: DnsRecord[] = [];
    let at = name;
    for (let i = 0; i < maxAliases; i++) {
      const records = zone.lookup(at, query.type === typeCodes.SRV || query.type === typeCodes.ANY);
      const alias = records?.find(isAlias);
      if (!alias || matches(query.type, alias)) {
        const response = this.#answer(query, records, zone.domain, at);
        return { ...response, answers: [...aliases, ...response.answers] };
      }
      aliases.push({ ...alias, name: i === 0 ? query.name : at });
      at = alias.target.toLowerCase();
      if (!zone.contains(at)) return this.#followOutside(query, at, aliases);
    }
    return failure(rcodes.serverFailure);
  }

  /** Clients expect the addresses behind an alias in the same response. */
  async #followOutside(query: Query, target: string, aliases: DnsRecord[]): Promise<Response> {
    const found = { ...failure(rcodes.noError), authoritative: true, answers: aliases };
    if (query.type !== typeCodes.A && query.type !== typeCodes.AAAA) return found;
    const { forwarder, random } = this.#deps;
    const question = encodeQuery(target, query.type, Math.floor(random.next() * 65_536));
    const short = await forwarder.forward(question, 'udp');
    const message = short && isTruncated(short) ? await forwarder.forward(question, 'tcp') : short;
    if (!message) return { ...found, rcode: rcodes.serverFailure };
    try {
      const { rcode, records } = decodeAddresses(message);
      return { ...found, rcode, answers: [...aliases, ...records] };
    } catch (err) {
      if (!(err instanceof RangeError)) throw err;
      return { ...found, rcode: rcodes.serverFailure };
    }
  }

  /** The response that a zone gives: the records of the type asked for, or why there are none. */
  #answer(query: Query, records: ZoneRecord[] | undefined, zoneName: string, name = query.name): Response {
    const { zone } = this.#deps;
    const owner = name === query.name.toLowerCase() ? query.name : name;
    const answers = (records ?? []).filter((r) => matches(query.type, r)).map((r) => ({ ...r, name: owner }));
    const response = { ...failure(records ? rcodes.noError : rcodes.nameError), authoritative: true };
    if (answers.length === 0) return { ...response, authority: [{ ...zone.soa(), name: zoneName }] };
    return { ...response, answers: this.#shuffle(answers), additional: addressesOf(answers) };
  }

  /** Clients take the first address; over time each should get its turn. */
  #shuffle(answers: DnsRecord[]): DnsRecord[] {
    for (let i = answers.length - 1; i > 0; i--) {
      const j = Math.floor(this.#deps.random.next() * (i + 1));
      [answers[i], answers[j]] = [answers[j]!, answers[i]!];
    }
    return answers;
  }
}

/** Where the servers are, each address once. */
function addressesOf(answers: readonly DnsRecord[]): DnsRecord[] {
  const found = new Map<string, DnsRecord>();
  for (const record of answers) {
    if (record.type !== 'SRV' || !record.address) continue;
    const { target: name, address, ttl } = record;
    found.set(`${name} ${address}`, { name, ttl, type: 'A', address });
  }
  return [...found.values()];
}

const isAlias = (record: ZoneRecord): record is Extract<ZoneRecord, { type: 'CNAME' | 'NS' | 'PTR' }> =>
  record.type === 'CNAME';
const matches = (type: number, record: ZoneRecord) => type === typeCodes.ANY || type === typeCodes[record.type];

function failure(rcode: number): Response {
  return { rcode, authoritative: false, answers: [], authority: [], additional: [] };
}

/** `4.3.2.1.in-addr.arpa` is 1.2.3.4. */
function addressOfReverseName(name: string): string | undefined {
  if (!name.endsWith(`.${reverseDomain}`)) return undefined;
  const address = splitName(name).slice(0, -2).reverse().join('.');
  return isIPv4(address) ? address : undefined;
}
