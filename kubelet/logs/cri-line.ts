// Lines of container logs as the runtime writes them: time, stream, whether the line goes on in the next record, text.
// https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md

export interface LogRecord {
  /** As written, with nanoseconds. */
  time: string;
  stream: 'stdout' | 'stderr';
  /** A record marked F ends its line. */
  endsLine: boolean;
  text: string;
}

const pattern = /^(\S+) (stdout|stderr) ([FP])\S* ?(.*)$/s;

/** Reads one line of a log file, without its line end; undefined when it is none. */
export function parseLogLine(line: string): LogRecord | undefined {
  const match = pattern.exec(line);
  if (!match) return undefined;
  return { time: match[1]!, stream: match[2] as 'stdout' | 'stderr', endsLine: match[3] === 'F', text: match[4]! };
}
