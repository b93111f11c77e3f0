// Written by scripts/gen-proto.mjs from plugin-registration.proto, which says what each is; do not edit.
import type { Declared, Methods } from './message.ts';

/** The descriptor, as protobufjs reads it. */
export const descriptor = {"nested":{"pluginregistration":{"nested":{"Registration":{"methods":{"GetInfo":{"requestType":"InfoRequest","responseType":"PluginInfo"},"NotifyRegistrationStatus":{"requestType":"RegistrationStatus","responseType":"RegistrationStatusResponse"}}},"InfoRequest":{"fields":{}},"PluginInfo":{"fields":{"type":{"type":"string","id":1},"name":{"type":"string","id":2},"endpoint":{"type":"string","id":3},"supported_versions":{"rule":"repeated","type":"string","id":4}}},"RegistrationStatus":{"fields":{"plugin_registered":{"type":"bool","id":1},"error":{"type":"string","id":2}}},"RegistrationStatusResponse":{"fields":{}}}}}} as const;

type P = typeof descriptor.nested.pluginregistration.nested;

export type RegistrationMethods = Methods<P, P['Registration']>;
export type InfoRequest = Declared<P, P['InfoRequest']>;
export type PluginInfo = Declared<P, P['PluginInfo']>;
export type RegistrationStatus = Declared<P, P['RegistrationStatus']>;
export type RegistrationStatusResponse = Declared<P, P['RegistrationStatusResponse']>;
