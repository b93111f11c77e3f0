// Version, Status, RuntimeConfig and UpdateRuntimeConfig: what the runtime is and needs.
import { messageOf } from '../../../machinery/errors.ts';
import { invalidArgument } from '../errors.ts';
import { handlersOf } from '../runtime.ts';
import type { Verb } from './verb.ts';

const runtimeName = 'k8ts';
const runtimeVersion = '0.1.0';

export const version: Verb<'Version'> = async () => ({
  version: '0.1.0',
  runtime_name: runtimeName,
  runtime_version: runtimeVersion,
  runtime_api_version: 'v1',
});

export const status: Verb<'Status'> = async (rt, req) => {
  const user_namespaces = (await rt.userNamespaceProblem()) === undefined;
  const networkReady = rt.network.podCidr !== undefined;
  return {
    status: {
      conditions: [
        { type: 'RuntimeReady', status: true },
        networkReady
          ? { type: 'NetworkReady', status: true }
          : {
              type: 'NetworkReady',
              status: false,
              reason: 'NetworkPluginNotReady',
              message: 'Network plugin returns error: the node has no pod CIDR yet',
            },
      ],
    },
    // What is not announced is not asked for.
    runtime_handlers: handlersOf(rt).map((name) => ({
      name,
      features: { recursive_read_only_mounts: true, user_namespaces },
    })),
    features: { supplemental_groups_policy: true },
    info: req.verbose
      ? { config: JSON.stringify({ ociRuntime: rt.oci.binary, paths: rt.paths, podCidr: rt.network.podCidr ?? null }) }
      : {},
  };
};

/** The cgroup driver: cgroup parents are paths, which kubelet and runtime create themselves. */
export const runtimeConfig: Verb<'RuntimeConfig'> = async () => ({ linux: { cgroup_driver: 'CGROUPFS' } });

export const updateRuntimeConfig: Verb<'UpdateRuntimeConfig'> = async (rt, req) => {
  // Dual-stack nodes name several; the pod network is IPv4.
  const cidrs = (req.runtime_config?.network_config?.pod_cidr ?? '').split(',').filter((c) => c !== '');
  const ipv4 = cidrs.find((c) => !c.includes(':'));
  if (cidrs.length === 0) return {};
  if (!ipv4) throw invalidArgument(`no IPv4 pod CIDR in "${cidrs.join(',')}"`);
  try {
    await rt.network.setUp(ipv4);
  } catch (err) {
    throw invalidArgument(messageOf(err));
  }
  return {};
};
