// The few messages of etcd that the store speaks, field by field. https://etcd.io/docs/v3.6/dev-guide/api_reference_v3/
import { WireReader, wire } from '../protobuf/wire-reader.ts';
import { type WireWriter, written } from '../protobuf/wire-writer.ts';
import type { EtcdEntry, EtcdEvent } from './etcd.ts';

/** What each answer begins with. */
interface AnswerHeader {
  clusterId: string;
  /** The store's revision when it answered. */
  revision: number;
  term: number;
}

interface RangeRequest {
  key: string;
  /** Keys from `key` to this one, exclusive; without it `key` alone. */
  end?: string;
  limit?: number;
  revision?: number;
  /** The member answers by itself, without the others. */
  serializable?: boolean;
  countOnly?: boolean;
}

/** An answer that says nothing more. */
export interface Answer {
  header: AnswerHeader;
}

interface RangeAnswer extends Answer {
  entries: EtcdEntry[];
  more: boolean;
  count: number;
}

interface SwapAnswer extends Answer {
  succeeded: boolean;
  current: EtcdEntry | undefined;
}

export interface WatchAnswer extends Answer {
  created: boolean;
  /** Why the watch is over. */
  cancelReason: string | undefined;
  /** Not 0: the watch asked for what is no longer there. */
  compactRevision: number;
  events: EtcdEvent[];
}

const tag = (w: WireWriter, field: number, type: number) => w.uint(field * 8 + type);

function uint(w: WireWriter, field: number, value: number | bigint | undefined): void {
  if (!value) return;
  w.int(value);
  tag(w, field, wire.varint);
}

const flag = (w: WireWriter, field: number, value: boolean | undefined) => uint(w, field, value ? 1 : 0);

function text(w: WireWriter, field: number, value: string | undefined): void {
  if (!value) return;
  w.text(value);
  tag(w, field, wire.bytes);
}

function bytes(w: WireWriter, field: number, value: Buffer): void {
  w.bytes(value);
  tag(w, field, wire.bytes);
}

function message(w: WireWriter, field: number, write: () => void): void {
  const before = w.written;
  write();
  w.uint(w.written - before);
  tag(w, field, wire.bytes);
}

function writeRange(w: WireWriter, { key, end, limit, revision, serializable, countOnly }: RangeRequest): void {
  flag(w, 9, countOnly);
  flag(w, 7, serializable);
  uint(w, 4, revision);
  uint(w, 3, limit);
  text(w, 2, end);
  text(w, 1, key);
}

export const rangeRequest = (request: RangeRequest) => written((w) => writeRange(w, request));

/** The key is put, or without a value deleted, if it is at `modRevision` (0: absent); else it is read. */
export function swapRequest(key: string, modRevision: number, value?: Buffer): Buffer {
  const compareMod = 2;
  return written((w) => {
    message(w, 3, () => message(w, 1, () => text(w, 1, key)));
    message(w, 2, () =>
      message(w, value ? 2 : 3, () => {
        if (value) bytes(w, 2, value);
        text(w, 1, key);
      }),
    );
    message(w, 1, () => {
      // One of several: 0 is written too.
      w.int(modRevision);
      tag(w, 6, wire.varint);
      text(w, 3, key);
      uint(w, 2, compareMod);
    });
  });
}

export function putRequest(key: string, value: Buffer, lease: number | bigint): Buffer {
  return written((w) => {
    uint(w, 3, lease);
    bytes(w, 2, value);
    text(w, 1, key);
  });
}

export const compactRequest = (revision: number) => written((w) => uint(w, 1, revision));
export const leaseGrantRequest = (seconds: number) => written((w) => uint(w, 1, seconds));
const everything = '\0';
export const watchAllRequest = (startRevision: number) =>
  written((w) =>
    message(w, 1, () => {
      uint(w, 3, startRevision);
      text(w, 2, everything);
      text(w, 1, everything);
    }),
  );

function readHeader(reader: WireReader, end: number): AnswerHeader {
  const header: AnswerHeader = { clusterId: '', revision: 0, term: 0 };
  reader.fields(end, 'etcd', (field) => {
    if (field === 1) header.clusterId = String(BigInt.asUintN(64, BigInt(reader.int(end))));
    else if (field === 3) header.revision = Number(reader.int(end));
    else if (field === 4) header.term = Number(reader.int(end));
  });
  return header;
}

const noHeader: AnswerHeader = { clusterId: '', revision: 0, term: 0 };
const nothing = Buffer.alloc(0);

interface KeyValue extends EtcdEntry {
  createRevision: number;
}

function readKeyValue(reader: WireReader, end: number): KeyValue {
  const kv: KeyValue = { key: '', value: nothing, modRevision: 0, createRevision: 0 };
  reader.fields(end, 'etcd', (field) => {
    if (field === 1) kv.key = reader.text(end);
    else if (field === 2) kv.createRevision = Number(reader.int(end));
    else if (field === 3) kv.modRevision = Number(reader.int(end));
    else if (field === 5) kv.value = reader.bytes(end);
  });
  return kv;
}

function readEntry(reader: WireReader, end: number): EtcdEntry {
  const { key, value, modRevision } = readKeyValue(reader, end);
  return { key, value, modRevision };
}

function readRange(reader: WireReader, end: number): RangeAnswer {
  const answer: RangeAnswer = { header: noHeader, entries: [], more: false, count: 0 };
  reader.fields(end, 'etcd', (field) => {
    if (field === 1) answer.header = readHeader(reader, reader.lengthEnd(end));
    else if (field === 2) answer.entries.push(readEntry(reader, reader.lengthEnd(end)));
    else if (field === 3) answer.more = reader.int(end) !== 0;
    else if (field === 4) answer.count = Number(reader.int(end));
  });
  return answer;
}

const readRangeAnswer = (answer: Buffer) => readRange(new WireReader(answer), answer.length);

function readSwapAnswer(bytes: Buffer): SwapAnswer {
  const reader = new WireReader(bytes);
  const end = bytes.length;
  const answer: SwapAnswer = { header: noHeader, succeeded: false, current: undefined };
  const readResponse = (stop: number) =>
    reader.fields(stop, 'etcd', (field) => {
      if (field === 1) answer.current = readRange(reader, reader.lengthEnd(stop)).entries[0];
    });
  reader.fields(end, 'etcd', (field) => {
    if (field === 1) answer.header = readHeader(reader, reader.lengthEnd(end));
    else if (field === 2) answer.succeeded = reader.int(end) !== 0;
    else if (field === 3) readResponse(reader.lengthEnd(end));
  });
  return answer;
}

function readAnswer(bytes: Buffer): Answer {
  const reader = new WireReader(bytes);
  const answer = { header: noHeader };
  reader.fields(bytes.length, 'etcd', (field) => {
    if (field === 1) answer.header = readHeader(reader, reader.lengthEnd(bytes.length));
  });
  return answer;
}

/** An answer with one number that matters. */
const readNumberAnswer =
  (numberField: number) =>
  (bytes: Buffer): Answer & { value: number | bigint } => {
    const reader = new WireReader(bytes);
    const end = bytes.length;
    const answer = { header: noHeader, value: 0 as number | bigint };
    reader.fields(end, 'etcd', (field) => {
      if (field === 1) answer.header = readHeader(reader, reader.lengthEnd(end));
      else if (field === numberField) answer.value = reader.int(end);
    });
    return answer;
  };

/** A call: its path, and how its answer is read. */
export interface Method<T extends Answer> {
  path: string;
  read(answer: Buffer): T;
}

const method = <T extends Answer>(name: string, read: (answer: Buffer) => T): Method<T> => ({
  path: `/etcdserverpb.${name}`,
  read,
});

export const rangeMethod = method('KV/Range', readRangeAnswer);
export const swapMethod = method('KV/Txn', readSwapAnswer);
export const putMethod = method('KV/Put', readAnswer);
export const compactMethod = method('KV/Compact', readAnswer);
/** The lease's number. */
export const leaseGrantMethod = method('Lease/LeaseGrant', readNumberAnswer(2));
/** Bytes of the database on the member's disk. */
export const statusMethod = method('Maintenance/Status', readNumberAnswer(3));

function readEvent(reader: WireReader, end: number): EtcdEvent {
  let type: EtcdEvent['type'] = 'PUT';
  let kv: KeyValue = { key: '', value: nothing, modRevision: 0, createRevision: 0 };
  reader.fields(end, 'etcd', (field) => {
    if (field === 1) type = reader.int(end) === 1 ? 'DELETE' : 'PUT';
    else if (field === 2) kv = readKeyValue(reader, reader.lengthEnd(end));
  });
  const { key, value, modRevision, createRevision } = kv;
  return { type, key, value, modRevision, isCreate: createRevision === modRevision };
}

export function readWatchAnswer(bytes: Buffer): WatchAnswer {
  const reader = new WireReader(bytes);
  const end = bytes.length;
  const answer: WatchAnswer = {
    header: noHeader,
    created: false,
    cancelReason: undefined,
    compactRevision: 0,
    events: [],
  };
  let canceled = false;
  let reason = '';
  reader.fields(end, 'etcd', (field) => {
    if (field === 1) answer.header = readHeader(reader, reader.lengthEnd(end));
    else if (field === 3) answer.created = reader.int(end) !== 0;
    else if (field === 4) canceled = reader.int(end) !== 0;
    else if (field === 5) answer.compactRevision = Number(reader.int(end));
    else if (field === 6) reason = reader.text(end);
    else if (field === 11) answer.events.push(readEvent(reader, reader.lengthEnd(end)));
  });
  if (canceled) answer.cancelReason = reason;
  return answer;
}
