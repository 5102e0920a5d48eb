/** Installs the clients that the OpenAI surface is proved with. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { clients, type Client } from '../clients/client-matrix.ts';
import { installPackages } from './client-packages.ts';

/** @returns the folder whose `node_modules` has the client and what it needs. */
export function installClient(client: Client): Promise<string> {
  const { packages } = clients[client];
  return installPackages({ packages, folderName: packages.join('+').replaceAll(/[^\w.+-]/g, '-') });
}

/** @returns gives a library's packages by name, as an application that has them installed would `require` them. */
export async function installLibrary(client: Client): Promise<(name: string) => unknown> {
  const load = createRequire(join(await installClient(client), 'package.json'));
  return (name) => load(name) as unknown;
}
