// placeholder until the streaming server
import { unimplemented } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
export type StreamOffer =
  | {
      kind: 'exec';
      containerId: string;
      command: string[];
      stdin: boolean;
      stdout: boolean;
      stderr: boolean;
      tty: boolean;
    }
  | { kind: 'attach'; containerId: string; stdin: boolean; stdout: boolean; stderr: boolean; tty: boolean }
  | { kind: 'portforward'; sandboxId: string };
export interface StreamServer {
  offer(o: StreamOffer): string;
  close(): Promise<void>;
}
export async function createStreamServer(_rt: Omit<Runtime, 'streams'>, _a: string): Promise<StreamServer> {
  return {
    offer: () => {
      throw unimplemented('streaming is not served yet');
    },
    close: async () => {},
  };
}
