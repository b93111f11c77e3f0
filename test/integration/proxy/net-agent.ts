// Runs inside a network namespace of a test and does there what it is told: one JSON command a line
// on standard input, one JSON answer a line on standard output.
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

export type AgentCommand =
  /** Answers every TCP connection and UDP message with `<name> <address of the client>`. */
  | { op: 'serve'; name: string; port: number }
  /** Opens a connection, sends bytes (base64), reads to the end, or a message with its length before it. */
  | { op: 'tcp'; host: string; port: number; send?: string; framed?: boolean }
  | { op: 'udp'; host: string; port: number; send?: string; localPort?: number };

/** Bytes are base64; an error is its code. */
export type AgentAnswer = { data?: string; error?: string };

const timeoutMs = 2_000;
const hello = Buffer.from('hello');

function exchangeTcp({ host, port, send, framed }: Extract<AgentCommand, { op: 'tcp' }>): Promise<AgentAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let data = Buffer.alloc(0);
    const finish = (answer: AgentAnswer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish({ error: 'ETIMEDOUT' }), timeoutMs);
    socket.on('error', (err: NodeJS.ErrnoException) => finish({ error: err.code ?? err.message }));
    if (send) socket.write(Buffer.from(send, 'base64'));
    socket.on('data', (chunk: Buffer) => {
      data = Buffer.concat([data, chunk]);
      if (framed && data.length >= 2 && data.length >= 2 + data.readUInt16BE(0)) {
        finish({ data: data.subarray(2).toString('base64') });
      }
    });
    socket.on('end', () => finish({ data: data.toString('base64') }));
  });
}

function exchangeUdp({ host, port, send, localPort }: Extract<AgentCommand, { op: 'udp' }>): Promise<AgentAnswer> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (answer: AgentAnswer) => {
      clearTimeout(timer);
      socket.close(() => resolve(answer));
    };
    const timer = setTimeout(() => finish({ error: 'ETIMEDOUT' }), timeoutMs);
    socket.on('error', (err: NodeJS.ErrnoException) => finish({ error: err.code ?? err.message }));
    socket.on('message', (message) => finish({ data: message.toString('base64') }));
    socket.bind(localPort ?? 0, () => {
      const onSent = (err: NodeJS.ErrnoException | null) => err && finish({ error: err.code ?? err.message });
      socket.on('connect', () => socket.send(send ? Buffer.from(send, 'base64') : hello, onSent));
      socket.connect(port, host);
    });
  });
}

function serve({ name, port }: Extract<AgentCommand, { op: 'serve' }>): Promise<AgentAnswer> {
  const tcp = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${name} ${socket.remoteAddress}`);
  });
  const udp = createSocket('udp4');
  udp.on('message', (_, client) => udp.send(`${name} ${client.address}`, client.port, client.address));
  udp.bind(port);
  return new Promise((resolve) => tcp.listen(port, '0.0.0.0', () => resolve({})));
}

function obey(command: AgentCommand): Promise<AgentAnswer> {
  if (command.op === 'serve') return serve(command);
  return command.op === 'tcp' ? exchangeTcp(command) : exchangeUdp(command);
}

if (process.argv[2] === 'run') {
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const { id, ...command } = JSON.parse(line);
      process.stdout.write(`${JSON.stringify({ id, ...(await obey(command)) })}\n`);
    })
    .on('close', () => process.exit(0));
}
