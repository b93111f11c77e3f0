// Written by scripts/gen-proto.mjs from plugin-registration.proto; do not edit.

export interface RegistrationMethods {
  GetInfo: { request: InfoRequest; response: PluginInfo; clientStream: false; serverStream: false };
  NotifyRegistrationStatus: { request: RegistrationStatus; response: RegistrationStatusResponse; clientStream: false; serverStream: false };
}

export type InfoRequest = Record<never, never>;

export interface PluginInfo {
  type: string;
  name: string;
  endpoint: string;
  supported_versions: string[];
}

export interface RegistrationStatus {
  plugin_registered: boolean;
  error: string;
}

export type RegistrationStatusResponse = Record<never, never>;

/** The descriptor, as protobufjs reads it. */
export const descriptor = {"nested":{"pluginregistration":{"nested":{"Registration":{"methods":{"GetInfo":{"requestType":"InfoRequest","responseType":"PluginInfo"},"NotifyRegistrationStatus":{"requestType":"RegistrationStatus","responseType":"RegistrationStatusResponse"}}},"InfoRequest":{"fields":{}},"PluginInfo":{"fields":{"type":{"type":"string","id":1},"name":{"type":"string","id":2},"endpoint":{"type":"string","id":3},"supported_versions":{"rule":"repeated","type":"string","id":4}}},"RegistrationStatus":{"fields":{"plugin_registered":{"type":"bool","id":1},"error":{"type":"string","id":2}}},"RegistrationStatusResponse":{"fields":{}}}}}};
