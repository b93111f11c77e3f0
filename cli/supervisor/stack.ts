// `k8ts stack URL`: prints where the program whose inspector is at URL is just now, a line a frame. For programs that
// hang: the inspector stops them at their next statement.
import { realClock } from '../../machinery/clock.ts';

interface Frame {
  functionName: string;
  location: { scriptId: string; lineNumber: number };
}

interface Message {
  method?: string;
  params?: { scriptId?: string; url?: string; callFrames?: Frame[] };
}

const waitMs = 10_000;

export async function printStack(inspectorUrl: string, out: NodeJS.WritableStream): Promise<void> {
  const socket = new WebSocket(inspectorUrl);
  const closed = new Promise<void>((resolve) => socket.addEventListener('close', () => resolve()));
  const urls = new Map<string | undefined, string | undefined>();
  realClock.after(waitMs, () => socket.close());
  socket.addEventListener('open', () => {
    const methods = ['Debugger.enable', 'Debugger.pause'];
    for (const [id, method] of methods.entries()) socket.send(JSON.stringify({ id, method }));
  });
  socket.addEventListener('message', ({ data }) => {
    const { method, params } = JSON.parse(String(data)) as Message;
    if (method === 'Debugger.scriptParsed') urls.set(params?.scriptId, params?.url);
    if (method !== 'Debugger.paused') return;
    for (const { functionName, location } of params?.callFrames ?? []) {
      out.write(
        `    at ${functionName || '(anonymous)'} (${urls.get(location.scriptId)}:${location.lineNumber + 1})\n`,
      );
    }
    socket.close();
  });
  await closed;
}
