// An etcd of several members on loopback, each of which can be killed, stopped and started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdClient } from '../../apiserver/storage/etcd-client.ts';
import { realClock } from '../../machinery/clock.ts';
import { freePort } from './control-plane.ts';
import { EtcdGateway } from './etcd-gateway.ts';

const readyDeadlineMs = 20_000;

interface Member {
  name: string;
  client: string;
  peer: string;
  process?: ChildProcess;
}

export class EtcdCluster {
  readonly #folder = mkdtempSync(join(tmpdir(), 'k8ts-etcd-'));
  readonly #members: Member[];
  readonly #flags: readonly string[];

  constructor(members: Member[], flags: readonly string[] = []) {
    this.#members = members;
    this.#flags = flags;
  }

  /** URLs for clients, in the order of the members. */
  get servers(): string[] {
    return this.#members.map(({ client }) => client);
  }

  start(index: number): void {
    const member = this.#members[index]!;
    const { name, client, peer } = member;
    const cluster = this.#members.map((one) => `${one.name}=${one.peer}`).join();
    const args = ['--name', name, '--data-dir', join(this.#folder, name), '--initial-cluster', cluster];
    args.push('--listen-client-urls', client, '--advertise-client-urls', client);
    args.push(
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--log-level',
      'error',
      ...this.#flags,
    );
    member.process = spawn('etcd', args, { stdio: 'ignore' });
  }

  /** Sends a signal, and waits until a process that is to end or to stop does no more. The data stay. */
  async signal(index: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const child = this.#members[index]!.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    if (signal === 'SIGKILL') await exited;
    // It stops when one of its threads has had its turn.
    while (signal === 'SIGSTOP' && !/^\d+ \(etcd\) T/.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8')))
      await realClock.sleep(5);
  }

  get gateways(): EtcdGateway[] {
    return this.servers.map((server) => new EtcdGateway(server));
  }

  /** Makes another member the leader, the one that `choose` takes of so many others. */
  async moveLeader(choose: (others: number) => number): Promise<void> {
    const states = await Promise.all(this.gateways.map(async (gateway) => ({ gateway, ...(await gateway.status()) })));
    const others = states.filter(({ id, leader }) => id !== leader);
    const target = others[choose(others.length)]!.id;
    await states.find(({ id, leader }) => id === leader)?.gateway.moveLeader(target);
  }

  /** Waits until one member, or each of them, answers with the agreement of the others. */
  async ready(index?: number): Promise<void> {
    const untilMs = realClock.monotonicMs() + readyDeadlineMs;
    for (const server of index === undefined ? this.servers : [this.servers[index]!]) {
      const etcd = new EtcdClient({ servers: [server] }, realClock);
      try {
        for (;;) {
          const answered = await etcd.currentRevision().catch((err: Error) => err);
          if (typeof answered === 'number') break;
          if (realClock.monotonicMs() > untilMs) throw answered;
          await realClock.sleep(50);
        }
      } finally {
        etcd.close();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((_, index) => this.signal(index, 'SIGKILL')));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** `await using etcd = await startEtcdCluster(3)`; with more flags of each member, if any. */
export async function startEtcdCluster(count: number, flags: readonly string[] = []): Promise<EtcdCluster> {
  const members: Member[] = [];
  for (let i = 0; i < count; i++) {
    const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    members.push({ name: `m${i}`, client, peer });
  }
  const cluster = new EtcdCluster(members, flags);
  try {
    for (let i = 0; i < count; i++) cluster.start(i);
    await cluster.ready();
    return cluster;
  } catch (err) {
    await cluster[Symbol.asyncDispose]();
    throw err;
  }
}
