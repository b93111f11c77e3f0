// Lifecycle hooks: what postStart and preStop do. Upstream: pkg/kubelet/lifecycle/handlers.go.
import type { LifecycleHandler } from '../../api/core/pod/probe.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { describeFailure, headersOf, httpGet, isPlainAnswer, urlOf } from '../probes/http-probe.ts';
import { beginningOf, type ProbeTarget, resolvePort } from '../probes/probe-result.ts';
import { describePod, eventTarget } from './pod-text.ts';

export interface HookTarget extends ProbeTarget {
  /** Ends the hook early. */
  signal: AbortSignal;
}

const httpTimeoutMs = 3_600_000;

/** Runs a hook to its end. Throws when it fails, in the words that a container waits with for its restart. */
export async function runHook(
  deps: { cri: CriClient; clock: Clock; events: EventRecorder },
  hook: LifecycleHandler,
  target: HookTarget,
): Promise<void> {
  const { cri, clock } = deps;
  const { pod, container, containerId, podIp, signal } = target;
  const failed = `for Container "${container.name}" in Pod "${describePod(pod)}" failed - error:`;
  if (hook.exec) {
    const { command = [] } = hook.exec;
    const answer = await cri.runtime.ExecSync({ container_id: containerId, cmd: command }, { signal });
    if (answer.exit_code === 0) return;
    const words = command.join(' ');
    const output = JSON.stringify(beginningOf(answer.stdout, answer.stderr));
    const problem = `command '${words}' exited with ${answer.exit_code}: ${beginningOf(answer.stderr)}`;
    throw new Error(`Exec lifecycle hook ([${words}]) ${failed} ${problem}, message: ${output}`);
  }
  if (hook.httpGet) {
    const port = resolvePort(hook.httpGet.port, container);
    const url = urlOf(hook.httpGet, port, podIp);
    const options = { url, headers: headersOf(hook.httpGet, 'kube-lifecycle/1.36'), clock, signal };
    // Any answer will do, also one that tells of a failure.
    const ask = (more = {}) =>
      httpGet({ ...options, ...more, timeoutMs: httpTimeoutMs }).then(
        () => undefined,
        (err: Error) => err,
      );
    const problem = await ask();
    if (problem) {
      const { authorization: _, ...headers } = options.headers;
      const plain = { url: urlOf({ ...hook.httpGet, scheme: 'HTTP' }, port, podIp), headers };
      if (!isPlainAnswer(problem) || (await ask(plain)))
        throw new Error(`HTTP lifecycle hook (${hook.httpGet.path}) ${failed} ${describeFailure(url, problem)}`);
      const message = `request to HTTPS lifecycle hook ${url.hostname}:${port} got HTTP response, retry with HTTP succeeded`;
      deps.events.event(eventTarget(pod), 'Warning', 'LifecycleHTTPFallback', message);
    }
    return;
  }
  if (hook.sleep) {
    await clock.sleep(hook.sleep.seconds * 1000, signal);
    return;
  }
  throw new Error('cannot run handler: a tcpSocket hook does nothing and is not supported');
}
