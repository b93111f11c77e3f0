// Looking up what a request names, with the errors callers expect.
import { failedPrecondition, notFound } from '../errors.ts';
import { isAlive } from '../process/identity.ts';
import type { Runtime } from '../runtime.ts';
import { type ContainerRecord, type SandboxRecord, stateOf } from '../store/records.ts';

export function findSandbox(rt: Runtime, id: string): SandboxRecord {
  const record = rt.sandboxes.find(id);
  if (!record) throw notFound(`an error occurred when try to find sandbox "${id}": not found`);
  return record;
}

/** A sandbox that containers can join. */
export function findReadySandbox(rt: Runtime, id: string): SandboxRecord & { pause: { pid: number } } {
  const record = findSandbox(rt, id);
  if (record.phase !== 'ready' || !record.pause || !isAlive(record.pause)) {
    throw failedPrecondition(`sandbox ${id} is not running`);
  }
  return { ...record, pause: record.pause };
}

export function findContainer(rt: Runtime, id: string): ContainerRecord {
  const record = rt.containers.find(id);
  if (!record) throw notFound(`an error occurred when try to find container "${id}": not found`);
  return record;
}

export function findRunningContainer(rt: Runtime, id: string): ContainerRecord & { process: { pid: number } } {
  const record = findContainer(rt, id);
  const state = stateOf(record);
  if (state !== 'CONTAINER_RUNNING' || !record.process) throw failedPrecondition(`container is in ${state} state`);
  return { ...record, process: record.process };
}

export const containersOf = (rt: Runtime, sandboxId: string) =>
  rt.containers.list().filter((c) => c.sandboxId === sandboxId);
