/** The settings in force: one frozen object per change. Whoever began with one keeps it. */
import type { Kysely } from 'kysely';
import { defaultSettings, settings as rows, type SettingName, type Settings } from '../contract/settings.ts';
import type { DB } from '../database/tables.generated.ts';
import type { Log } from '../world/world.ts';
import { listStoredSettings } from './setting-store.ts';

export interface SettingsBook {
  current(): Settings;
  reload(): Promise<void>;
}

export function createSettingsBook({ db, log }: { db: Kysely<DB>; log: Log }): SettingsBook {
  let current: Settings = defaultSettings;

  async function reload(): Promise<void> {
    const changed: Record<string, unknown> = {};
    for (const { name, value } of await listStoredSettings(db)) {
      const row = isSettingName(name) ? rows[name] : undefined;
      const parsed = row?.schema.safeParse(value);
      // A value an older or newer version wrote and this one cannot read must not stop the gateway.
      if (parsed?.success) changed[name] = parsed.data;
      else log.warn('setting_ignored', { name });
    }
    current = Object.freeze({ ...defaultSettings, ...changed }) as Settings;
  }

  return { current: () => current, reload };
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(rows, name);
}
