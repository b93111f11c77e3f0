// Exec, Attach and PortForward: each answers a URL on the streaming server that works once, soon.
import { invalidArgument } from '../errors.ts';
import { findReadySandbox, findRunningContainer } from '../lifecycle/find.ts';
import type { StreamWish } from '../stream/command-streams.ts';
import type { Verb } from './verb.ts';

export const exec: Verb<'Exec'> = async (rt, req) => {
  const { id } = findRunningContainer(rt, req.container_id);
  if (req.cmd.length === 0) throw invalidArgument('no command was given');
  const { stdin, stdout, stderr, tty } = checkStreams(req);
  return { url: rt.streams.offer({ kind: 'exec', containerId: id, command: req.cmd, stdin, stdout, stderr, tty }) };
};

export const attach: Verb<'Attach'> = async (rt, req) => {
  const { id, config } = findRunningContainer(rt, req.container_id);
  const { stdin, stdout, stderr } = checkStreams({ ...req, tty: config.tty });
  const wanted = { stdin: stdin && config.stdin, stdout, stderr, tty: config.tty };
  return { url: rt.streams.offer({ kind: 'attach', containerId: id, ...wanted }) };
};

export const portForward: Verb<'PortForward'> = async (rt, req) => {
  const { id } = findReadySandbox(rt, req.pod_sandbox_id);
  return { url: rt.streams.offer({ kind: 'portforward', sandboxId: id, ports: req.port }) };
};

function checkStreams(wanted: StreamWish): StreamWish {
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) {
    throw invalidArgument('one of stdin, stdout, or stderr must be set');
  }
  // A terminal has one output.
  return wanted.tty ? { ...wanted, stderr: false } : wanted;
}
