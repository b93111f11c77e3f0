// The nft script that turns one ruleset into another. Order matters: what is referred to is made
// first and removed last. nft runs a script as one transaction, so no packet sees a state in
// between.
import type { RememberedClients } from './remembered-clients.ts';
import { elementSets, emptyRuleset, type NodeFacts, type Ruleset, renderFrame, tableName } from './ruleset.ts';

const target = `ip ${tableName}`;

/** The script, or undefined when nothing changes. */
export function renderDiff(before: Ruleset, after: Ruleset): string | undefined {
  const lines: string[] = [];
  for (const [set, seconds] of after.affinitySets) {
    if (before.affinitySets.has(set)) continue;
    lines.push(`add set ${target} ${set} { type ipv4_addr; flags dynamic, timeout; timeout ${seconds}s; }`);
  }
  const changed = [...after.chains].filter(([name, rules]) => !sameRules(before.chains.get(name), rules));
  for (const [name] of changed) if (!before.chains.has(name)) lines.push(`add chain ${target} ${name}`);
  for (const [name, rules] of changed) {
    if (before.chains.has(name)) lines.push(`flush chain ${target} ${name}`);
    for (const rule of rules) lines.push(`add rule ${target} ${name} ${rule}`);
  }
  for (const set of elementSets) lines.push(...diffElements(set, before.elements[set], after.elements[set]));
  const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  for (const name of gone) lines.push(`flush chain ${target} ${name}`);
  for (const name of gone) lines.push(`delete chain ${target} ${name}`);
  for (const set of before.affinitySets.keys()) {
    if (!after.affinitySets.has(set)) lines.push(`delete set ${target} ${set}`);
  }
  return lines.length === 0 ? undefined : `${lines.join('\n')}\n`;
}

function sameRules(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a === b || (a !== undefined && a.length === b.length && a.every((rule, i) => rule === b[i]));
}

const elementText = (key: string, value: string) => (value === '' ? key : `${key} : ${value}`);

function diffElements(set: string, before: Map<string, string>, after: Map<string, string>): string[] {
  const removed = [...before].filter(([key, value]) => after.get(key) !== value);
  const added = [...after].filter(([key, value]) => before.get(key) !== value);
  const list = (entries: [string, string][]) => `{ ${entries.map(([k, v]) => elementText(k, v)).join(', ')} }`;
  return [
    ...(removed.length > 0 ? [`delete element ${target} ${set} ${list(removed)}`] : []),
    ...(added.length > 0 ? [`add element ${target} ${set} ${list(added)}`] : []),
  ];
}

/** The script that replaces whatever the table holds: after a restart nobody knows what that is. */
export function renderWhole(after: Ruleset, facts: NodeFacts, remembered: RememberedClients = new Map()): string {
  const parts = [`add table ${target}\ndelete table ${target}\n`, renderFrame(facts)];
  parts.push(renderDiff(emptyRuleset(), after) ?? '');
  for (const [set, clients] of remembered) {
    if (!after.affinitySets.has(set)) continue;
    const elements = clients.map((c) => `${c.address} expires ${c.expiresSeconds}s`);
    parts.push(`add element ${target} ${set} { ${elements.join(', ')} }\n`);
  }
  return parts.join('');
}
