// The signals that may stop a container: Linux's names, the real-time ones counted from both ends of their range.
// https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/#defining-custom-stop-signals

const standard =
  'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU ' +
  'URG USR1 USR2 VTALRM WINCH XCPU XFSZ';

const offsets = (base: string, sign: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${base}${sign}${i + 1}`);

export const stopSignals: readonly string[] = [
  ...standard.split(' '),
  'RTMIN',
  ...offsets('RTMIN', '+', 15),
  'RTMAX',
  ...offsets('RTMAX', '-', 14),
]
  .map((name) => `SIG${name}`)
  .sort();
