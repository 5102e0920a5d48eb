/**
 * A process of its own that renews one account's token when told to, for tests of two processes on one database.
 * Arguments: database URL, sandbox URL, account id, epoch. Says `ready`, waits for any message, sends the result.
 */
import { connectDatabase } from '../../server/database/connect.ts';
import { accountRooms } from './accounts.ts';
import { quietLog } from './quiet-log.ts';

const [, , databaseUrl = '', sandboxUrl = '', accountId = '', epoch = ''] = process.argv;
const database = connectDatabase({ url: databaseUrl, poolSize: 2, log: quietLog });
const rooms = accountRooms({ database, url: sandboxUrl });
await rooms.book.reload();

process.once('message', () => {
  void rooms.keeper
    .renew({ accountId, seenEpoch: Number(epoch), reason: 'unauthorized_recovery' })
    .then(async (result) => {
      process.send?.({ kind: result.kind, epoch: 'credential' in result ? result.credential.epoch : null });
      await rooms.stop();
      await database.stop();
      process.disconnect();
    });
});
process.send?.('ready');
