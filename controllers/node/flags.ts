// The flags of kube-controller-manager that say when nodes are lost, and how fast pods are taken from them.
// https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
import { parseGoDuration } from '../../machinery/duration.ts';
import { type Flags, type FlagTable, flag } from '../../machinery/flags.ts';
import { type NodeLifecycleOptions, nodeLifecycleDefaults } from './node-lifecycle.ts';

const { rate, secondaryRate, unhealthyShare, largeSize } = nodeLifecycleDefaults;

export const nodeLifecycleFlags = {
  'node-monitor-grace-period': flag.string('A node that has not been heard of for so long is Unknown.', {
    default: '50s',
  }),
  'node-startup-grace-period': flag.string('A new node has so long until its first report.', { default: '1m0s' }),
  'node-eviction-rate': flag.number('Lost nodes a second, in a zone that is well, whose pods are told to leave.', {
    default: rate,
  }),
  'secondary-node-eviction-rate': flag.number('The same where many nodes are lost; none in a zone that is not large.', {
    default: secondaryRate,
  }),
  'unhealthy-zone-threshold': flag.number('The share of lost nodes, three at least, from which they are many.', {
    default: unhealthyShare,
  }),
  'large-cluster-size-threshold': flag.number('Nodes of a zone above which it is large.', { default: largeSize }),
} as const satisfies FlagTable;

/** Throws for what is no duration, and for numbers below 0. */
export function readNodeLifecycle(flags: Flags<typeof nodeLifecycleFlags>): NodeLifecycleOptions {
  const positive = (name: keyof typeof flags): number => {
    const value = Number(flags[name]);
    if (value < 0) throw new Error(`--${name} takes a number of 0 or more, not "${value}"`);
    return value;
  };
  return {
    graceMs: parseGoDuration(flags['node-monitor-grace-period']),
    startupGraceMs: parseGoDuration(flags['node-startup-grace-period']),
    rate: positive('node-eviction-rate'),
    secondaryRate: positive('secondary-node-eviction-rate'),
    unhealthyShare: positive('unhealthy-zone-threshold'),
    largeSize: positive('large-cluster-size-threshold'),
  };
}
