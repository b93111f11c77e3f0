// An etcd of one or several members, each a process that can be killed and stopped.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { realClock } from '../../machinery/clock.ts';
import { freePort } from './control-plane.ts';

const readyDeadlineMs = 30_000;
const callMs = 5_000;

class Member {
  readonly port: number;
  readonly client: Etcd3;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#args = args;
    const grpcOptions = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 500 };
    this.client = new Etcd3({ hosts: `http://127.0.0.1:${port}`, grpcOptions });
  }

  start(): void {
    this.#process = spawn('etcd', this.#args, { stdio: 'ignore' });
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Resolves once it answers, which it does when it has a leader. */
  async untilReady(): Promise<void> {
    const deadline = realClock.monotonicMs() + readyDeadlineMs;
    for (;;) {
      const status = await this.client.maintenance
        .status({ deadline: realClock.now() + callMs })
        .catch(() => undefined);
      if (status && Number(status.leader) !== 0) return;
      if (realClock.monotonicMs() > deadline) throw new Error('etcd did not get ready');
      await realClock.sleep(50);
    }
  }
}

export class EtcdMembers implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'k8ts-etcd-'));
  readonly members: Member[] = [];

  static async start(count: number, flags: readonly string[] = []): Promise<EtcdMembers> {
    const etcd = new EtcdMembers();
    const names = Array.from({ length: count }, (_, i) => `m${i}`);
    const ports = await Promise.all(names.map(async () => ({ client: await freePort(), peer: await freePort() })));
    const url = (port: number) => `http://127.0.0.1:${port}`;
    const cluster = names.map((name, i) => `${name}=${url(ports[i]!.peer)}`).join(',');
    for (const [i, name] of names.entries()) {
      const { client, peer } = ports[i]!;
      const args = ['--name', name, '--data-dir', join(etcd.folder, name), '--log-level', 'error'];
      args.push('--listen-client-urls', url(client), '--advertise-client-urls', url(client));
      args.push('--listen-peer-urls', url(peer), '--initial-advertise-peer-urls', url(peer));
      args.push('--initial-cluster', cluster, '--max-request-bytes', '4194304', ...flags);
      mkdirSync(join(etcd.folder, name), { mode: 0o700 });
      etcd.members.push(new Member(client, args));
    }
    try {
      for (const member of etcd.members) member.start();
      await Promise.all(etcd.members.map((member) => member.untilReady()));
      return etcd;
    } catch (err) {
      await etcd[Symbol.asyncDispose]();
      throw err;
    }
  }

  get ports(): number[] {
    return this.members.map(({ port }) => port);
  }

  /** A member that answers now. */
  async #anyClient(): Promise<Etcd3> {
    const asked = this.members.map(async ({ client }) => {
      await client.maintenance.status({ deadline: realClock.now() + callMs });
      return client;
    });
    return Promise.any(asked);
  }

  /** The revision agreed on by the members. */
  async revision(): Promise<number> {
    const client = await this.#anyClient();
    const { header } = await client.kv.range({ key: Buffer.from('\0'), count_only: true });
    return Number(header.revision);
  }

  /** Drops the history before a revision. */
  async compact(revision: number): Promise<void> {
    await (await this.#anyClient()).kv.compact({ revision });
  }

  /** Makes another member the leader; which one is the caller's choice among the others. */
  async moveLeader(choose: (others: number) => number): Promise<void> {
    const deadline = () => ({ deadline: realClock.now() + callMs });
    const states = await Promise.all(
      this.members.map(async ({ client }) => ({ client, status: await client.maintenance.status(deadline()) })),
    );
    const isLeader = ({ status }: (typeof states)[number]) => status.leader === status.header.member_id;
    const others = states.filter((state) => !isLeader(state));
    const target = others[choose(others.length)]!.status.header.member_id;
    await states.find(isLeader)?.client.maintenance.moveLeader({ targetID: target }, deadline());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.members) client.close();
    await Promise.all(this.members.map((member) => member.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
