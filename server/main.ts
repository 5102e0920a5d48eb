/** The entry of the headless server. */
import { keepCompiledCode } from './compile-cache.ts';

keepCompiledCode();
const { readProcessEnvironment } = await import('./read-process-environment.ts');
const { runServer } = await import('./run-server.ts');

process.exitCode = await runServer(readProcessEnvironment());
