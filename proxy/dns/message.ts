// DNS messages on the wire: queries are decoded, responses encoded with compressed names, so that a
// full answer fits the 512 bytes that every client takes. No more of the format than a server of
// cluster names and a forwarder need. RFC 1035 (format), 6891 (EDNS0), 2782 (SRV).
import { NameWriter, readName, skipName } from './name.ts';

export const typeCodes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;
export const classIn = 1;
export const rcodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
};

export type RecordData =
  | { type: 'A'; address: string }
  | { type: 'AAAA'; bytes: Buffer }
  | { type: 'CNAME' | 'NS' | 'PTR'; target: string }
  /** `address` is where the target is, if known: it goes into the additional records. */
  | { type: 'SRV'; priority: number; weight: number; port: number; target: string; address?: string }
  | { type: 'TXT'; text: string }
  | { type: 'SOA'; primary: string; mailbox: string; serial: number; minimumSeconds: number };

export type DnsRecord = RecordData & { name: string; ttl: number };

export interface Query {
  id: number;
  opcode: number;
  recursionDesired: boolean;
  /** As it was asked, without a dot at the end. */
  name: string;
  type: number;
  class: number;
  /** The bytes of the question; the response repeats them with the case of their letters. */
  question: Buffer;
  /** The client speaks EDNS0: how much it takes, and its version. */
  edns: { udpBytes: number; version: number } | undefined;
}

export interface Response {
  rcode: number;
  authoritative: boolean;
  answers: DnsRecord[];
  authority: DnsRecord[];
  additional: DnsRecord[];
}

export const headerBytes = 12;
const plainUdpBytes = 512;
/** More than this risks fragments, which get lost. */
const ownUdpBytes = 1232;

export const isResponse = (message: Buffer) => (message[2]! & 0x80) !== 0;

/** Not all of it fitted: it is to be asked for again over TCP. */
export const isTruncated = (message: Buffer) => (message[2]! & 0x02) !== 0;

/** Decodes a query with exactly one question. Throws RangeError when it is malformed. */
export function decodeQuery(message: Buffer): Query {
  const flags = message.readUInt16BE(2);
  if (message.readUInt16BE(4) !== 1) throw new RangeError('not exactly one question');
  const { name, end, isCompressed } = readName(message, headerBytes);
  if (isCompressed) throw new RangeError('a pointer in the question');
  const query: Query = {
    id: message.readUInt16BE(0),
    opcode: (flags >> 11) & 15,
    recursionDesired: (flags & 0x0100) !== 0,
    name,
    type: message.readUInt16BE(end),
    class: message.readUInt16BE(end + 2),
    question: message.subarray(headerBytes, end + 4),
    edns: undefined,
  };
  for (const record of readRecords(message, end + 4)) {
    if (record.type !== typeCodes.OPT) continue;
    if (query.edns) throw new RangeError('two OPT records');
    query.edns = { udpBytes: record.class, version: (record.ttl >> 16) & 255 };
  }
  return query;
}

interface RawRecord {
  /** Where its name is. Reading all of them would take a while: each may point at the longest. */
  nameAt: number;
  type: number;
  class: number;
  ttl: number;
  /** Where its data are. */
  start: number;
  end: number;
}

function* readRecords(message: Buffer, offset: number): Generator<RawRecord> {
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  let at = offset;
  for (let i = 0; i < count; i++) {
    const nameAt = at;
    const end = skipName(message, at);
    const start = end + 10;
    at = start + message.readUInt16BE(end + 8);
    if (at > message.length) throw new RangeError('a record is cut off');
    const ttl = message.readUInt32BE(end + 4);
    yield { nameAt, type: message.readUInt16BE(end), class: message.readUInt16BE(end + 2), ttl, start, end: at };
  }
}

/** Of what another server answers, so many records are of use. */
const maxAnswers = 500;

/** The result code and the addresses and aliases of a response of another server. Throws RangeError when malformed. */
export function decodeAddresses(message: Buffer): { rcode: number; records: DnsRecord[] } {
  const end = skipName(message, headerBytes);
  const records: DnsRecord[] = [];
  const answers = Math.min(message.readUInt16BE(6), maxAnswers);
  let seen = 0;
  for (const { nameAt, type, ttl, start, end: dataEnd } of readRecords(message, end + 4)) {
    if (seen++ === answers) break;
    const { name } = readName(message, nameAt);
    const bytes = message.subarray(start, dataEnd);
    if (type === typeCodes.A && bytes.length === 4) records.push({ name, ttl, type: 'A', address: bytes.join('.') });
    if (type === typeCodes.AAAA && bytes.length === 16) records.push({ name, ttl, type: 'AAAA', bytes });
    if (type === typeCodes.CNAME) records.push({ name, ttl, type: 'CNAME', target: readName(message, start).name });
  }
  return { rcode: message.readUInt16BE(2) & 15, records };
}

/** A query of our own, to ask another server. */
export function encodeQuery(name: string, type: number, id: number): Buffer {
  const writer = new NameWriter();
  writer.bytes(encodeHeader({ id, flags: 0x0100, counts: [1, 0, 0, 0] }));
  writer.name(name);
  writer.uint16(type);
  writer.uint16(classIn);
  return writer.toBuffer();
}

function encodeHeader({ id, flags, counts }: { id: number; flags: number; counts: number[] }): Buffer {
  const header = Buffer.alloc(headerBytes);
  for (const [i, value] of [id, flags, ...counts].entries()) header.writeUInt16BE(value, 2 * i);
  return header;
}

/** The most bytes that a client takes over UDP. */
export function udpLimitOf(query: Query): number {
  return query.edns ? Math.max(plainUdpBytes, Math.min(query.edns.udpBytes, ownUdpBytes)) : plainUdpBytes;
}

/**
 * Encodes a response. What does not fit is left out; when that is more than additional records it
 * is marked as truncated.
 */
export function encodeResponse(query: Query, response: Response, maxBytes = 65_535): Buffer {
  const writer = new NameWriter();
  writer.bytes(Buffer.alloc(headerBytes));
  writer.question(query.question, query.name);
  const room = maxBytes - (query.edns ? optBytes : 0);
  let isTruncated = false;
  const write = (records: readonly DnsRecord[]) => {
    let count = 0;
    for (const record of records) {
      const before = writer.length;
      writeRecord(writer, record);
      if (writer.length > room) {
        writer.truncate(before);
        return count;
      }
      count++;
    }
    return count;
  };
  const answers = write(response.answers);
  isTruncated = answers < response.answers.length;
  const authority = isTruncated ? 0 : write(response.authority);
  isTruncated ||= authority < response.authority.length;
  let additional = isTruncated ? 0 : write(response.additional);
  if (query.edns) {
    writer.bytes(encodeOpt(response.rcode));
    additional++;
  }
  const message = writer.toBuffer();
  const flags =
    0x8080 | // a response; recursion is available
    (query.opcode << 11) |
    (response.authoritative ? 0x0400 : 0) |
    (isTruncated ? 0x0200 : 0) |
    (query.recursionDesired ? 0x0100 : 0) |
    (response.rcode & 15);
  encodeHeader({ id: query.id, flags, counts: [1, answers, authority, additional] }).copy(message);
  return message;
}

const optBytes = 11;

function encodeOpt(rcode: number): Buffer {
  const opt = Buffer.alloc(optBytes);
  opt.writeUInt16BE(typeCodes.OPT, 1);
  opt.writeUInt16BE(ownUdpBytes, 3);
  opt.writeUInt8(rcode >> 4, 5);
  return opt;
}

/** What a client gets of a response that is too long for it: the question, and that it is to be asked over TCP. */
export function encodeTruncated(query: Query): Buffer {
  const nothing = { rcode: rcodes.noError, authoritative: false, answers: [], authority: [], additional: [] };
  const message = encodeResponse(query, nothing);
  message[2]! |= 0x02;
  return message;
}

/** Whether a message has the question of another, or none, as some have that refuse. */
export function hasQuestionOf(message: Buffer, query: Buffer): boolean {
  if (message.readUInt16BE(4) === 0) return true;
  if (message.readUInt16BE(4) !== 1 || query.readUInt16BE(4) !== 1) return false;
  try {
    const end = skipName(query, headerBytes) + 4;
    const [ours, theirs] = [query, message].map((m) => m.toString('latin1', headerBytes, end).toLowerCase());
    return end <= query.length && ours === theirs;
  } catch (err) {
    if (!(err instanceof RangeError)) throw err;
    return false;
  }
}

/** A response to what could not even be decoded, but has a header. */
export function encodeFormatError(message: Buffer): Buffer {
  const flags = 0x8000 | (message.readUInt16BE(2) & 0x7900) | rcodes.formatError;
  return encodeHeader({ id: message.readUInt16BE(0), flags, counts: [0, 0, 0, 0] });
}

function writeRecord(writer: NameWriter, record: DnsRecord): void {
  writer.name(record.name);
  writer.uint16(typeCodes[record.type]);
  writer.uint16(classIn);
  writer.uint32(record.ttl);
  const lengthAt = writer.length;
  writer.uint16(0);
  writeData(writer, record);
  writer.setUint16(lengthAt, writer.length - lengthAt - 2);
}

const soaTimings = { refresh: 7_200, retry: 1_800, expire: 86_400 };

function writeData(writer: NameWriter, data: RecordData): void {
  switch (data.type) {
    case 'A':
      writer.bytes(Buffer.from(data.address.split('.').map(Number)));
      break;
    case 'AAAA':
      writer.bytes(data.bytes);
      break;
    case 'SRV':
      for (const value of [data.priority, data.weight, data.port]) writer.uint16(value);
      writer.plainName(data.target); // old clients do not follow pointers here
      break;
    case 'TXT': {
      const text = Buffer.from(data.text).subarray(0, 255);
      writer.bytes(Buffer.from([text.length]));
      writer.bytes(text);
      break;
    }
    case 'SOA': {
      writer.name(data.primary);
      writer.name(data.mailbox);
      const { refresh, retry, expire } = soaTimings;
      for (const value of [data.serial, refresh, retry, expire, data.minimumSeconds]) writer.uint32(value);
      break;
    }
    default:
      writer.name(data.target);
  }
}
