/** The entry of the headless server. */
import { readProcessEnvironment } from './read-process-environment.ts';
import { runServer } from './run-server.ts';

process.exitCode = await runServer(readProcessEnvironment());
