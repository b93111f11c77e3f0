// The node's own name servers, asked for everything that is not the cluster's. Messages pass
// through as they are but for their id; every query has a socket, and with it a source port, of its
// own.
import { createSocket } from 'node:dgram';
import { connect, isIP, isIPv6 } from 'node:net';
import type { Clock } from '../../machinery/clock.ts';
import type { Random } from '../../machinery/random.ts';
import { hasQuestionOf, headerBytes, isResponse } from './message.ts';
import type { Forwarder, Transport } from './resolver.ts';
import { FrameReader, frame } from './tcp-frame.ts';

export interface UpstreamOptions {
  /** In the order in which they are asked. */
  servers: readonly string[];
  port?: number;
  clock: Clock;
  random: Random;
}

const timeoutMs = 2_000;
const maxConcurrent = 512;
/**
 * For so long a server that did not answer is asked after the others: clients wait hardly longer
 * than for one of them.
 */
const distrustMs = 10_000;

export function parseNameServers(resolvConf: string, ownAddresses: readonly string[]): string[] {
  const found = [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1]!);
  // Our own address would send a query round in circles.
  return found.filter((address) => isIP(address) !== 0 && !ownAddresses.includes(address));
}

export class Upstream implements Forwarder {
  readonly #options: UpstreamOptions;
  #running = 0;
  /** Servers that did not answer, and when they are trusted again. */
  readonly #silent = new Map<string, number>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  async forward(message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    if (this.#running >= maxConcurrent) return undefined;
    this.#running++;
    try {
      const id = message.readUInt16BE(0);
      for (const server of this.#serversInOrder()) {
        const answer = await this.#ask(server, message, transport);
        if (!answer) {
          this.#silent.set(server, this.#options.clock.monotonicMs() + distrustMs);
          continue;
        }
        this.#silent.delete(server);
        answer.writeUInt16BE(id, 0);
        return answer;
      }
      return undefined;
    } finally {
      this.#running--;
    }
  }

  #serversInOrder(): string[] {
    const { servers, clock } = this.#options;
    const isSilent = (server: string) => (this.#silent.get(server) ?? 0) > clock.monotonicMs();
    return [...servers.filter((s) => !isSilent(s)), ...servers.filter(isSilent)];
  }

  #ask(server: string, message: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const query = Buffer.from(message);
    query.writeUInt16BE(Math.floor(this.#options.random.next() * 65_536), 0);
    const isAnswer = (answer: Buffer) =>
      answer.length >= headerBytes &&
      isResponse(answer) &&
      answer.readUInt16BE(0) === query.readUInt16BE(0) &&
      hasQuestionOf(answer, query);
    const { clock, port = 53 } = this.#options;
    const exchange = transport === 'udp' ? askUdp : askTcp;
    return new Promise((resolve) => {
      const close = exchange({ server, port, query }, (answer) => {
        if (answer && !isAnswer(answer)) return; // somebody guesses, or a late answer
        finish(answer);
      });
      const timer = clock.after(timeoutMs, () => finish(undefined));
      const finish = (answer: Buffer | undefined) => {
        timer.cancel();
        close();
        resolve(answer);
      };
    });
  }
}

interface Exchange {
  server: string;
  port: number;
  query: Buffer;
}

/**
 * Sends a query; calls back, never at once, with every message that comes, or with undefined when
 * none will. Returns what ends it.
 */
type Ask = (exchange: Exchange, onAnswer: (answer: Buffer | undefined) => void) => () => void;

const askUdp: Ask = ({ server, port, query }, onAnswer) => {
  const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
  let isOpen = true;
  socket.on('error', () => onAnswer(undefined));
  socket.on('message', (answer) => onAnswer(answer));
  // Connected, so that only the server's answers and refusals arrive.
  socket.on('connect', () => socket.send(query));
  socket.connect(port, server);
  return () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
};

const askTcp: Ask = ({ server, port, query }, onAnswer) => {
  const socket = connect(port, server, () => socket.write(frame(query)));
  const reader = new FrameReader();
  socket.on('error', () => onAnswer(undefined));
  socket.on('end', () => onAnswer(undefined));
  socket.on('data', (chunk: Buffer) => {
    for (const answer of reader.push(chunk)) onAnswer(answer);
  });
  return () => socket.destroy();
};
