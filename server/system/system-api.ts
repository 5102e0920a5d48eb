/** Handlers of the system endpoints. */
import type { Kysely } from 'kysely';
import type { Handlers } from '../contract/endpoint.ts';
import { settings as rows, type SettingName, type Settings } from '../contract/settings.ts';
import type { system } from '../contract/system.ts';
import { migrationStatus } from '../database/migrate.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import { maskEmail } from './mask-email.ts';
import {
  countRows,
  selectAccountHealth,
  selectDatabaseFacts,
  selectLivingProcesses,
  selectOpenRequests,
} from './system-store.ts';

export interface SystemApiParts {
  readonly db: Kysely<DB>;
  readonly clock: Clock;
  readonly version: string;
  readonly settings: () => Settings;
}

/** @example const handlers = createSystemApi({ db, clock, version, settings: () => book.current() }); */
export function createSystemApi({ db, clock, version, settings }: SystemApiParts): Handlers<typeof system> {
  return {
    async report() {
      const { applied, pending, unknown } = await migrationStatus(db);
      const accounts = await selectAccountHealth(db);
      return {
        report: {
          version,
          observedAt: clock.now(),
          processes: await selectLivingProcesses(db),
          database: {
            ...(await selectDatabaseFacts(db)),
            migrations: { applied: [...applied], pending: [...pending], unknown: [...unknown] },
          },
          rows: await countRows(db),
          openRequests: await selectOpenRequests(db),
          accounts: accounts.map((account) => ({
            ...account,
            email: account.email === null ? null : maskEmail(account.email),
            plan: wordOrNothing(account.plan),
            statusReason: wordOrNothing(account.statusReason),
          })),
          changedSettings: changed(settings()),
        },
      };
    },
  };
}

/** The provider writes plans and reasons, people write settings; what is no plain word is not repeated. */
function wordOrNothing(text: string | null): string | null {
  return text !== null && /^[A-Za-z0-9_.-]{1,80}$/.test(text) ? text : null;
}

function changed(current: Settings) {
  return (Object.keys(rows) as SettingName[])
    .filter((name) => current[name] !== rows[name].default)
    .map((name) => {
      const value: string | number | boolean = current[name];
      return { name, value: typeof value === 'string' ? (wordOrNothing(value) ?? '***') : value };
    });
}
