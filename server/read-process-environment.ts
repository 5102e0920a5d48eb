/** This process's environment, read and checked. The one place that hands `process.env` to `readEnvironment`. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { readEnvironment, type EnvironmentReading } from './environment.ts';

export function readProcessEnvironment(): EnvironmentReading {
  return readEnvironment({
    env: process.env,
    readFile: (path) => readFileSync(path),
    home: homedir(),
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
  });
}
