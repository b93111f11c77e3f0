// Reads the files that configure a component.
import { readFileSync } from 'node:fs';
import { ConfigFileError, type ConfigFileForm, parseConfig } from '../machinery/config-file.ts';
import { messageOf } from '../machinery/errors.ts';

/** Reads `path` as the one form that it may have. Throws ConfigFileError. */
export function readConfigFile<T>(path: string, form: ConfigFileForm<T>): T {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (err) {
    throw new ConfigFileError(`${path} cannot be read: ${messageOf(err)}`, { cause: err });
  }
  return parseConfig(text, path, form);
}
