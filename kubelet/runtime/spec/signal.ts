// Signals by name, as images and pods give them, and as the kernel counts them.
import { constants } from 'node:os';
import type { Signal } from '../../../proto/cri.gen.ts';

const realTimeMin = 34;
const realTimeMax = 64;

/** The number of `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`, `SIGRTMINPLUS3`, ... Throws an Error on anything else. */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= realTimeMax) return Number(text);
  const name = text.toUpperCase().startsWith('SIG') ? text.toUpperCase() : `SIG${text.toUpperCase()}`;
  const known = (constants.signals as Record<string, number | undefined>)[name];
  if (known !== undefined) return known;
  if (name === 'SIGCLD') return constants.signals.SIGCHLD;
  const realTime = /^SIGRTM(IN|AX)(?:(?:\+|-|PLUS|MINUS)(\d+))?$/.exec(name);
  if (!realTime) throw new Error(`unknown signal "${text}"`);
  const offset = Number(realTime[2] ?? 0);
  return realTime[1] === 'IN' ? realTimeMin + offset : realTimeMax - offset;
}

/** The signal that asks a container to end: the pod's, else the image's, else SIGTERM. */
export function chooseStopSignal(wanted: Signal, imageSignal: string): number {
  if (wanted !== 'RUNTIME_DEFAULT') return signalNumber(wanted);
  return imageSignal === '' ? constants.signals.SIGTERM : signalNumber(imageSignal);
}

/** The interface's name of a signal. */
export function signalName(number: number): Signal {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  if (found) return found[0] as Signal;
  if (number === realTimeMin) return 'SIGRTMIN';
  if (number === realTimeMax) return 'SIGRTMAX';
  const middle = realTimeMin + 15;
  return (number <= middle ? `SIGRTMINPLUS${number - realTimeMin}` : `SIGRTMAXMINUS${realTimeMax - number}`) as Signal;
}
