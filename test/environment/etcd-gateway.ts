// One member of etcd through its JSON gateway: what tests ask and watch with code that the API server does not share.
// https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/
import { request } from 'node:http';
import { createInterface } from 'node:readline';

const callMs = 5_000;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const everything = base64('\0');

export interface GatewayEvent {
  revision: number;
  key: string;
  /** Undefined: deleted. */
  value: Buffer | undefined;
}

interface WatchLine {
  result?: {
    canceled?: boolean;
    cancel_reason?: string;
    events?: { type?: 'DELETE'; kv: { key: string; value?: string; mod_revision: string } }[];
  };
}

export class EtcdGateway {
  readonly #server: string;

  constructor(server: string) {
    this.#server = server;
  }

  /** Whole numbers of 64 bits are texts there. */
  async #call(path: string, body: object): Promise<any> {
    const answer = await fetch(`${this.#server}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(callMs),
    });
    const value: any = await answer.json();
    if (!answer.ok) throw new Error(value.error);
    return value;
  }

  /** The member and the leader it knows. */
  async status(): Promise<{ id: string; leader: string }> {
    const { header, leader } = await this.#call('maintenance/status', {});
    return { id: header.member_id, leader };
  }

  moveLeader(target: string): Promise<void> {
    return this.#call('maintenance/transfer-leadership', { targetID: target });
  }

  /** As agreed on by the members. */
  async revision(): Promise<number> {
    const { header } = await this.#call('kv/range', { key: everything, count_only: true });
    return Number(header.revision);
  }

  put(key: string, value: string): Promise<void> {
    return this.#call('kv/put', { key: base64(key), value: base64(value) });
  }

  /** Drops the history before a revision. */
  compact(revision: number): Promise<void> {
    return this.#call('kv/compaction', { revision });
  }

  /** Lets it write again after an alarm. */
  async disarm(): Promise<void> {
    const { alarms = [] } = await this.#call('maintenance/alarm', { action: 'GET' });
    for (const { memberID, alarm } of alarms)
      await this.#call('maintenance/alarm', { action: 'DEACTIVATE', memberID, alarm });
  }

  /** Gives back to the disk what compaction has freed. */
  defragment(): Promise<void> {
    return this.#call('maintenance/defragment', {});
  }

  /** Calls `onEvent` for everything from a revision on. Resolves, or rejects, when the watch is over. */
  watch(startRevision: number, onEvent: (event: GatewayEvent) => void, signal: AbortSignal): Promise<void> {
    const create = { key: everything, range_end: everything, start_revision: startRevision };
    return new Promise((resolve, reject) => {
      const req = request(`${this.#server}/v3/watch`, { method: 'POST', signal }, (res) => {
        const lines = createInterface({ input: res });
        lines.on('error', reject);
        lines.on('line', (line) => {
          const { result = {} } = JSON.parse(line) as WatchLine;
          if (result.canceled) req.destroy(new Error(result.cancel_reason));
          for (const { type, kv } of result.events ?? []) {
            const value = type === 'DELETE' ? undefined : Buffer.from(kv.value ?? '', 'base64');
            onEvent({ revision: Number(kv.mod_revision), key: Buffer.from(kv.key, 'base64').toString(), value });
          }
        });
        res.on('error', reject);
        res.on('close', resolve);
      });
      req.on('error', reject);
      req.end(JSON.stringify({ create_request: create }));
    });
  }
}
