// Lifecycle hooks: what postStart and preStop do. Upstream: pkg/kubelet/lifecycle/handlers.go.
import type { Container } from '../../api/core/pod/container.ts';
import type { LifecycleHandler } from '../../api/core/pod/probe.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { headersOf, httpGet, urlOf } from '../probes/http-probe.ts';
import { resolvePort } from '../probes/probe-result.ts';

export interface HookTarget {
  container: Container;
  containerId: string;
  podIp: string;
  /** Ends the hook early. */
  signal: AbortSignal;
}

const httpTimeoutMs = 3_600_000;

/** Runs a hook to its end. Throws when it fails. */
export async function runHook(
  deps: { cri: CriClient; clock: Clock },
  hook: LifecycleHandler,
  target: HookTarget,
): Promise<void> {
  const { cri, clock } = deps;
  const { container, containerId, podIp, signal } = target;
  if (hook.exec) {
    const answer = await cri.runtime.ExecSync({ container_id: containerId, cmd: hook.exec.command ?? [] }, { signal });
    if (answer.exit_code === 0) return;
    const output = Buffer.concat([answer.stdout, answer.stderr]).toString();
    throw new Error(`command '${(hook.exec.command ?? []).join(' ')}' exited with ${answer.exit_code}: ${output}`);
  }
  if (hook.httpGet) {
    const url = urlOf(hook.httpGet, resolvePort(hook.httpGet.port, container), podIp);
    const headers = { ...headersOf(hook.httpGet), 'user-agent': 'kube-lifecycle/1.36' };
    const { status } = await httpGet({ url, headers, timeoutMs: httpTimeoutMs, clock, signal });
    if (status >= 400) throw new Error(`${url} answered ${status}`);
    return;
  }
  if (hook.sleep) {
    await clock.sleep(hook.sleep.seconds * 1000, signal);
    return;
  }
  throw new Error('cannot run handler: a tcpSocket hook does nothing and is not supported');
}
