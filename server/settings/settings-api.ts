/** Handlers of the settings endpoints. */
import type { Kysely } from 'kysely';
import type { Handlers } from '../contract/endpoint.ts';
import { GatewayError } from '../contract/gateway-error.ts';
import { settings as rows, type SettingName, type settingsEndpoints } from '../contract/settings.ts';
import { announceChange } from '../database/change-feed.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Clock } from '../world/world.ts';
import { storeSetting } from './setting-store.ts';
import type { SettingsBook } from './settings.ts';

export function createSettingsApi({
  db,
  clock,
  book,
  reload,
}: {
  db: Kysely<DB>;
  clock: Clock;
  book: Pick<SettingsBook, 'current'>;
  /** Reads again what settings decide, so that a change holds for this process's next request. */
  reload: () => Promise<unknown>;
}): Handlers<typeof settingsEndpoints> {
  const shown = (name: SettingName) => {
    const { label, help } = rows[name];
    const value = book.current()[name];
    return { name, value, isDefault: value === rows[name].default, label, help };
  };
  return {
    list: () => Promise.resolve({ settings: (Object.keys(rows) as SettingName[]).map(shown) }),

    async change({ name, value }) {
      const parsed = value === null ? null : rows[name].schema.safeParse(value);
      if (parsed && !parsed.success) {
        throw new GatewayError('invalid_request', {
          param: 'value',
          detail: `${name}: ${parsed.error.issues.map(({ message }) => message).join('; ')}`,
        });
      }
      await storeSetting(db, { name, value: parsed ? parsed.data : null, at: clock.now(), by: 'local-admin' });
      await announceChange(db, 'settings');
      await reload();
      return { setting: shown(name) };
    },
  };
}
