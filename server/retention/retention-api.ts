/** Handler of the retention endpoint. */
import type { Handlers } from '../contract/endpoint.ts';
import type { retention } from '../contract/retention.ts';
import { removedBefore, retentionRows } from './classes.ts';
import { classNames, type RetentionParts } from './remove-rows.ts';
import { countDoomed } from './retention-store.ts';

/** @example const handlers = createRetentionApi({ db, clock, settings: () => book.current() }); */
export function createRetentionApi({ db, clock, settings }: RetentionParts): Handlers<typeof retention> {
  return {
    async preview() {
      const moment = { settings: settings(), now: clock.now() };
      const classes = [];
      for (const name of classNames()) {
        const row = retentionRows[name];
        const before = removedBefore(row, moment);
        const doomed = before === null ? { rows: 0, oldestAt: null } : await countDoomed(db, row, before);
        classes.push({ class: name, keepDays: row.setting === null ? null : moment.settings[row.setting], ...doomed });
      }
      return { classes };
    },
  };
}
