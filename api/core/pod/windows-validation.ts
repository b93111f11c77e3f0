// What a pod for Windows, and one for Linux, cannot have, and the settings of Windows. No node of ours runs such pods; they are
// refused and taken as everywhere. Upstream: validateWindows, validateLinux and validateWindowsSecurityContextOptions.
import { type FieldError, forbidden, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { byteLength } from '../../../machinery/name-rules.ts';
import type { TypeOf } from '../../../machinery/schema.ts';
import { validateDNSSubdomain } from '../../meta/checks.ts';
import { containersWithPaths } from './containers.ts';
import type { PodSpec } from './pod-spec.ts';
import type { windowsSecurityContextOptions } from './security-context.ts';

type WindowsOptions = TypeOf<typeof windowsSecurityContextOptions>;

const ofPod =
  'appArmorProfile seLinuxOptions seccompProfile fsGroup fsGroupChangePolicy sysctls runAsUser runAsGroup supplementalGroups ' +
  'supplementalGroupsPolicy seLinuxChangePolicy';
const ofContainer =
  'appArmorProfile seLinuxOptions seccompProfile capabilities readOnlyRootFilesystem privileged allowPrivilegeEscalation ' +
  'procMount runAsUser runAsGroup';
const ofHost = 'hostUsers hostPID hostIPC shareProcessNamespace';

const forbidSet = (object: object | undefined, names: string, path: string) =>
  names
    .split(' ')
    .filter((name) => (object as Record<string, unknown> | undefined)?.[name] !== undefined)
    .map((name) => forbidden(`${path}.${name}`, 'cannot be set for a windows pod'));

export function validateOS(spec: PodSpec, path: string): FieldError[] {
  const name = spec.os?.name;
  if (name === undefined) return [];
  if (!name) return [required(`${path}.os.name`, 'cannot be empty')];
  const places = [
    { context: spec.securityContext, names: ofPod, at: `${path}.securityContext` },
    ...containersWithPaths(spec, path).map(({ container, at }) => ({
      context: container.securityContext,
      names: ofContainer,
      at: `${at}.securityContext`,
    })),
  ];
  if (name === 'linux') {
    return places
      .filter(({ context }) => context?.windowsOptions)
      .map(({ at }) => forbidden(`${at}.windowsOptions`, 'windows options cannot be set for a linux pod'));
  }
  if (name !== 'windows') return [notSupported(`${path}.os`, name, ['linux', 'windows'])];
  return [
    ...forbidSet(spec, ofHost, path),
    ...places.flatMap(({ context, names, at }) => forbidSet(context, names, at)),
  ];
}

/** Containers that are processes of the host: all or none, in its network. */
export function validateHostProcesses(spec: PodSpec, path: string): FieldError[] {
  const ofThePod = spec.securityContext?.windowsOptions?.hostProcess;
  const containers = containersWithPaths(spec, path);
  const errors: FieldError[] = [];
  let count = 0;
  for (const { container, at } of containers) {
    const own = container.securityContext?.windowsOptions?.hostProcess;
    if (own ?? ofThePod) count++;
    if (own === undefined || ofThePod === undefined || own === ofThePod) continue;
    const detail = `pod hostProcess value must be identical if both are specified, was ${ofThePod}`;
    errors.push(invalid(`${at}.securityContext.windowsOptions.hostProcess`, own, detail));
  }
  if (count === 0) return errors;
  if (count !== containers.length) {
    const detail = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    errors.push(invalid(path, '', detail));
  }
  const detail = 'hostNetwork must be true if pod contains any hostProcess containers';
  return spec.hostNetwork ? errors : [...errors, invalid(`${path}.hostNetwork`, false, detail)];
}

const maxSpecKiB = 64;

export function validateWindowsOptions(options: WindowsOptions | undefined, path: string): FieldError[] {
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: text, runAsUserName: user } = options ?? {};
  const errors = name === undefined ? [] : validateDNSSubdomain(name, `${path}.gmsaCredentialSpecName`);
  const at = `${path}.gmsaCredentialSpec`;
  if (text === '') errors.push(invalid(at, text, 'gmsaCredentialSpec cannot be an empty string'));
  else if (byteLength(text ?? '') > maxSpecKiB * 1024) {
    errors.push(invalid(at, text, `gmsaCredentialSpec size must be under ${maxSpecKiB} KiB`));
  }
  for (const complaint of user === undefined ? [] : checkUserName(user)) {
    errors.push(invalid(`${path}.runAsUserName`, user, `runAsUserName${complaint}`));
  }
  return errors;
}

const maxDomain = 256;
const maxUser = 104;
const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsLabel = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const dnsName = new RegExp(`^${dnsLabel}(?:\\.${dnsLabel})*$`);

/** `USER`, or `DOMAIN\USER`. */
function checkUserName(text: string): string[] {
  if (text === '') return [' cannot be an empty string'];
  if (/\p{Cc}/u.test(text)) return [' cannot contain control characters'];
  const parts = text.split('\\');
  if (parts.length > 2) return [' cannot contain more than one backslash'];
  const user = parts.at(-1)!;
  const domain = parts.length === 2 ? parts[0] : undefined;
  const rules: [boolean, string][] = [
    [byteLength(domain ?? '') >= maxDomain, `'s Domain length must be under ${maxDomain} characters`],
    [
      domain !== undefined && !netBios.test(domain) && !dnsName.test(domain),
      "'s Domain doesn't match the NetBios nor the DNS format",
    ],
    [user === '', "'s User cannot be empty"],
    [byteLength(user) > maxUser, `'s User length must not be longer than ${maxUser} characters`],
    [/^[. ]+$/.test(user), "'s User cannot contain only periods or spaces"],
    [/["/:;|=,+*?<>@[\]]/.test(user), `'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]`],
  ];
  return rules.filter(([isBroken]) => isBroken).map(([, complaint]) => complaint);
}
