/**
 * The sandbox as a process of its own: `node server/sandbox/main.ts --port 0 --control-port 0 --accounts anna,ben`.
 * Prints one JSON line when it is ready, and stops on SIGTERM or SIGINT.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '../world/real-world.ts';
import { createSandbox } from './sandbox.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    'control-port': { type: 'string', default: '0' },
    /** Names of accounts to make at once, separated by commas. */
    accounts: { type: 'string', default: '' },
    /** What one answer adds to those accounts' five-hour window, in percent; 0 never runs out. */
    'percent-per-answer': { type: 'string', default: '0.1' },
    'keep-requests': { type: 'string', default: '10000' },
  },
});

const sandbox = await createSandbox({
  clock: systemClock,
  host: values.host,
  port: Number(values.port),
  controlPort: Number(values['control-port']),
  keepRequests: Number(values['keep-requests']),
});
for (const name of values.accounts.split(',').filter(Boolean)) {
  sandbox.account(name, { percentPerAnswer: Number(values['percent-per-answer']) });
}

const stop = () => void sandbox.stop().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
process.stdout.write(`${JSON.stringify({ ready: true, url: sandbox.url, controlUrl: sandbox.controlUrl })}\n`);
