// Brings a pod up: its folder, volumes, group and sandbox, then its containers in order. Containers
// are started by one task at a time, beside the worker, so that the pod can be looked at and ended
// while an image is pulled or a postStart hook runs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EphemeralContainer } from '../../api/core/pod/container.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ContainerStatus, PodSandboxConfig } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import { podLogDir } from '../logs/pod-log-folders.ts';
import { describeRpcError } from '../probes/rpc-text.ts';
import type { Warn } from '../spec/dns.ts';
import { ContainerConfigError } from '../spec/environment.ts';
import { renderHostNetworkHosts, renderPodHosts } from '../spec/hosts-file.ts';
import type { PodAddresses } from '../spec/pod-fields.ts';
import { buildSandboxConfig } from '../spec/sandbox-config.ts';
import type { StartProblem } from '../status/container-statuses.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import { BackOff } from './back-off.ts';
import { hashContainer } from './container-hash.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import type { PodRuntime } from './pod-runtime.ts';
import {
  defaultGraceSeconds,
  describePod,
  eventTarget,
  findContainer,
  isHostNetwork,
  statusOf,
  uidOf,
} from './pod-text.ts';
import {
  currentContainer,
  hasExited,
  isRunning,
  latestContainer,
  millisOf,
  readySandbox,
  restartCountOf,
} from './runtime-state.ts';
import { startContainer } from './start-container.ts';
import { StartError } from './start-error.ts';

/** How soon a container that could not be configured or created is tried again, if nothing it needs changes before. */
const retryMs = 10_000;

interface StartOptions {
  /** `finished` as it was before the runtime was read for `names`: nothing is started by an outdated reading. */
  seen: number;
  onDone(): void;
}

export class PodStarter {
  readonly #deps: KubeletDeps;
  readonly #runtime: PodRuntime;
  readonly #volumes: PodVolumes;
  readonly #restarts: BackOff;
  readonly #problems = new Map<string, StartProblem>();
  /** Until when a container is not tried again, as it was specified then: another image is tried at once. */
  readonly #retries = new Map<string, { key: string; atMs: number }>();
  readonly #backOffTold = new Map<string, string>();
  #startingId: string | undefined;
  #finished = 0;
  #task: Promise<void> | undefined;
  #endedSandbox: string | undefined;
  #abort = new AbortController();

  constructor(deps: KubeletDeps, runtime: PodRuntime, volumes: PodVolumes) {
    this.#deps = deps;
    this.#runtime = runtime;
    this.#volumes = volumes;
    this.#restarts = new BackOff(deps.clock, deps.maxRestartPeriodMs);
  }

  get startingId(): string | undefined {
    return this.#startingId;
  }

  /**
   * How many times starting has come to its end. What was read of the runtime before that may be of
   * the midst of it.
   */
  get finished(): number {
    return this.#finished;
  }

  get isBusy(): boolean {
    return this.#task !== undefined;
  }

  problemOf(name: string): StartProblem | undefined {
    return this.#problems.get(name);
  }

  /** Something that containers need has changed: those that could not be configured are tried at once. */
  retryNow(): void {
    for (const [name, { reason }] of this.#problems) {
      if (reason === 'CreateContainerConfigError') this.#retries.delete(name);
    }
  }

  /** The pod begins anew: nothing waits for what became of its containers before. */
  forget(): void {
    this.#problems.clear();
    this.#retries.clear();
  }

  /** Stops starting, and resolves when nothing is being started any more. */
  async halt(): Promise<void> {
    this.#abort.abort(new Error('the pod is being ended'));
    await this.#task;
  }

  addresses(pod: Pod): PodAddresses {
    const sandbox = readySandbox(this.#runtime.state);
    const ip = isHostNetwork(pod) ? this.#deps.nodeIp : sandbox?.network?.ip;
    return { podIps: ip ? [ip] : [], hostIps: [this.#deps.nodeIp] };
  }

  /** Tells, once, that the pod's sandbox has ended and another will take its place. */
  announceNextSandbox(pod: Pod): void {
    const [last] = this.#runtime.state.sandboxes;
    if (!last || last.id === this.#endedSandbox) return;
    this.#endedSandbox = last.id;
    const message = 'Pod sandbox changed, it will be killed and re-created.';
    this.#deps.events.event(eventTarget(pod), 'Normal', 'SandboxChanged', message);
  }

  /** Makes a sandbox, after one that has ended if there was one. Throws when the runtime cannot. */
  async createSandbox(pod: Pod): Promise<void> {
    const { cri, events, settings, metrics } = this.#deps;
    const hasOwnUsers = pod.spec.hostUsers === false;
    if (hasOwnUsers) metrics.countUserNamespace('started');
    const [last] = this.#runtime.state.sandboxes;
    if (last) await cri.runtime.StopPodSandbox({ pod_sandbox_id: last.id });
    const attempt = last ? (last.metadata?.attempt ?? 0) + 1 : 0;
    const warn: Warn = (reason, message) => events.event(eventTarget(pod), 'Warning', reason, message);
    try {
      mkdirSync(podLogDir(settings.podLogsDir, pod), { recursive: true });
      const handler = await this.#handlerOf(pod);
      if (hasOwnUsers) await this.#requireUserNamespaces(handler);
      const request = { config: this.#sandboxConfig(pod, attempt, warn), runtime_handler: handler };
      const { pod_sandbox_id } = await cri.runtime.RunPodSandbox(request);
      this.#runtime.addSandbox(pod_sandbox_id);
    } catch (err) {
      if (await this.#findMade().catch(() => false)) return;
      if (hasOwnUsers) metrics.countUserNamespace('failed');
      warn('FailedCreatePodSandBox', `Failed to create pod sandbox: ${describeRpcError(err)}`);
      throw err;
    }
    await this.#runtime.refresh();
  }

  /** What the runtime knows the class of the pod by; the empty name is its default. */
  async #handlerOf({ spec: { runtimeClassName: name } }: Pod): Promise<string> {
    return name ? (await this.#deps.runtimeClasses.get({ name })).handler : '';
  }

  async #requireUserNamespaces(handler: string): Promise<void> {
    const { runtime_handlers } = await this.#deps.cri.runtime.Status({});
    if (runtime_handlers.find(({ name }) => name === handler)?.features?.user_namespaces) return;
    const who = handler === '' ? 'runtime' : `RuntimeClass handler ${JSON.stringify(handler)}`;
    throw new Error(`can't set \`spec.hostUsers: false\`, ${who} does not support user namespaces`);
  }

  /**
   * Whether the sandbox is there after all: a kubelet that was killed had asked for it, or the answer was lost. One that
   * has failed half-way is known then, and the next gets another number: its name is taken.
   */
  async #findMade(): Promise<boolean> {
    await this.#runtime.findSandboxes();
    await this.#runtime.refresh();
    return readySandbox(this.#runtime.state) !== undefined;
  }

  #sandboxConfig(pod: Pod, attempt: number, warn: Warn = () => undefined): Init<PodSandboxConfig> {
    const cgroupParent = this.#deps.cgroups.create(pod);
    const userNamespace = this.#deps.userNamespaces.of(pod);
    return buildSandboxConfig(pod, this.#deps.settings, { attempt, cgroupParent, userNamespace, warn });
  }

  /**
   * Starts what of `names` may start now, in order. `onDone` is called when that is through: the
   * pod is to be read anew. Answers after how many milliseconds to look again, if nothing happens before.
   */
  start(pod: Pod, names: readonly string[], { seen, onDone }: StartOptions): number | undefined {
    if (this.#task || seen !== this.#finished) return undefined;
    let wakeAfterMs: number | undefined;
    const due: string[] = [];
    for (const name of names) {
      const waitMs = this.#waitMs(pod, name);
      if (waitMs <= 0) due.push(name);
      else wakeAfterMs = Math.min(wakeAfterMs ?? waitMs, waitMs);
    }
    if (due.length > 0 && !this.#abort.signal.aborted) {
      this.#task = this.#startAll(pod, due).finally(() => {
        this.#task = undefined;
        this.#finished++;
        onDone();
      });
    }
    return wakeAfterMs;
  }

  /** How long the container must not be started yet; tells the back-off where it is one. */
  #waitMs(pod: Pod, name: string): number {
    const { clock, events } = this.#deps;
    const key = this.#restartKey(pod, name);
    const retry = this.#retries.get(name);
    const retryMs = retry?.key === key ? retry.atMs - clock.now() : 0;
    if (retryMs > 0) return retryMs;
    const latest = this.#endedByItself(name);
    if (!latest) return 0;
    const remainingMs = this.#restarts.remainingMs(key, millisOf(latest.finished_at));
    if (remainingMs <= 0) return 0;
    const seconds = this.#restarts.delayMs(key) / 1000;
    const shown = seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
    const message = `back-off ${shown} restarting failed container=${name} pod=${describePod(pod)}`;
    this.#problems.set(name, { reason: 'CrashLoopBackOff', message });
    if (this.#backOffTold.get(name) !== latest.id) {
      this.#backOffTold.set(name, latest.id);
      const text = `Back-off restarting failed container ${name} in pod ${describePod(pod)}`;
      events.event(eventTarget(pod, name), 'Warning', 'BackOff', text);
    }
    return remainingMs;
  }

  /** The last one of its name, when it has ended, and not since its spec was changed: that is no failure to wait for. */
  #endedByItself(name: string): ContainerStatus | undefined {
    const latest = latestContainer(this.#runtime.state, name);
    return latest && hasExited(latest) && !this.#runtime.state.replaced.has(latest.id) ? latest : undefined;
  }

  #restartKey(pod: Pod, name: string): string {
    const container = findContainer(pod, name);
    return `${name}_${container ? hashContainer(container) : ''}`;
  }

  async #startAll(pod: Pod, names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#abort.signal.aborted) return;
      try {
        await this.#startOne(pod, name);
        this.#problems.delete(name);
        this.#retries.delete(name);
      } catch (err) {
        if (this.#abort.signal.aborted) return;
        this.#noteFailure(pod, name, err as Error);
      } finally {
        this.#startingId = undefined;
      }
    }
  }

  #noteFailure(pod: Pod, name: string, err: Error): void {
    const { clock, log } = this.#deps;
    const isKnown = err instanceof StartError;
    if (!isKnown) log.warn({ err, container: name }, 'a container could not be started');
    this.#problems.set(name, { reason: isKnown ? err.reason : 'CreateContainerError', message: err.message });
    // A container that exists has the restart back-off; what failed before that is tried again after a while.
    const hasContainer = isKnown && (err.reason === 'RunContainerError' || err.reason === 'PostStartHookError');
    const afterMs = isKnown ? err.retryAfterMs : undefined;
    if (hasContainer) this.#retries.delete(name);
    else this.#retries.set(name, { key: this.#restartKey(pod, name), atMs: clock.now() + (afterMs ?? retryMs) });
  }

  async #startOne(pod: Pod, name: string): Promise<void> {
    const { state } = this.#runtime;
    const container = findContainer(pod, name);
    const sandbox = readySandbox(state);
    if (!container || !sandbox) throw new StartError('CreateContainerError', 'the pod has no sandbox');
    const ended = this.#endedByItself(name);
    if (ended) this.#restarts.next(this.#restartKey(pod, name), millisOf(ended.finished_at));
    const latest = latestContainer(state, name);
    await startContainer(this.#deps, {
      pod,
      container,
      sandboxId: sandbox.id,
      sandboxConfig: this.#sandboxConfig(pod, sandbox.metadata?.attempt ?? 0),
      addresses: this.addresses(pod),
      volumes: this.#volumes.ready,
      restartCount: latest ? restartCountOf(latest) + 1 : restartsBefore(pod, name),
      findTarget: () => this.#findTarget(container),
      signal: this.#abort.signal,
      graceSeconds: pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds,
      onCreated: (id) => {
        this.#startingId = id;
      },
    });
  }

  #findTarget({ targetContainerName: name }: EphemeralContainer): string | undefined {
    if (!name) return undefined;
    const target = currentContainer(this.#runtime.state, name);
    if (target && isRunning(target)) return target.id;
    throw new ContainerConfigError(`unable to find target container ${name}`);
  }

  /** Writes /etc/hosts for the pod's containers. */
  writeHosts(pod: Pod): void {
    const dir = join(this.#deps.volumes.podsDir, uidOf(pod));
    mkdirSync(dir, { recursive: true, mode: 0o750 });
    const text = isHostNetwork(pod)
      ? renderHostNetworkHosts(pod, readFileSync('/etc/hosts', 'utf8'))
      : renderPodHosts(pod, this.addresses(pod).podIps, this.#deps.settings.dns.clusterDomain);
    writeFileSync(join(dir, 'etc-hosts'), text, { mode: 0o644 });
  }
}

/** The count goes on even when the runtime has lost its records, as after a reboot. */
function restartsBefore(pod: Pod, name: string): number {
  const { containerID, restartCount = 0 } = statusOf(pod.status ?? {}, name) ?? {};
  // Without an id the loss is counted already.
  return containerID ? restartCount + 1 : restartCount;
}
