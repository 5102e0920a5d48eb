/** SQL of uploaded files. A key sees its own, and none that has expired. */
import type pg from 'pg';
import type { UploadedFile } from './uploaded-file.ts';

export interface FileStore {
  keep(file: UploadedFile): Promise<void>;
  /** null when this key has no such file, or no more. */
  find(question: { keyId: string; id: string }): Promise<UploadedFile | null>;
  /** Did this key ever upload it? It may have expired. */
  knows(question: { keyId: string; id: string }): Promise<boolean>;
  /** In the order of their creation, the newest first unless asked otherwise. */
  list(question: FileQuestion): Promise<UploadedFile[]>;
}

export interface FileQuestion {
  readonly keyId: string;
  readonly purpose: string | null;
  /** The file of this key after which the list begins. */
  readonly after: string | null;
  readonly isOldestFirst: boolean;
  readonly limit: number;
}

const columns = `id, key_id as "keyId", account_id as "accountId", size_bytes as "sizeBytes", purpose, extension,
  created_at as "createdAt", expires_at as "expiresAt"`;

const insertText = `
insert into uploaded_files (id, key_id, account_id, size_bytes, purpose, extension, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (key_id, id) do update set account_id = excluded.account_id, size_bytes = excluded.size_bytes,
  purpose = excluded.purpose, extension = excluded.extension, created_at = excluded.created_at,
  expires_at = excluded.expires_at`;

/** @param parts.now - The clock that the files' own dates come from. */
export function createFileStore({ pool, now }: { pool: Pick<pg.Pool, 'query'>; now: () => Date }): FileStore {
  return {
    async keep({ id, keyId, accountId, sizeBytes, purpose, extension, createdAt, expiresAt }) {
      const values = [id, keyId, accountId, sizeBytes, purpose, extension, createdAt, expiresAt];
      await pool.query({ name: 'keep_file', text: insertText, values });
    },
    async find({ keyId, id }) {
      const text = `select ${columns} from uploaded_files where key_id = $1 and id = $2 and expires_at > $3`;
      const { rows } = await pool.query<UploadedFile>({ name: 'find_file', text, values: [keyId, id, now()] });
      return rows[0] ?? null;
    },
    async knows({ keyId, id }) {
      const text = 'select from uploaded_files where key_id = $1 and id = $2';
      const { rowCount } = await pool.query({ name: 'know_file', text, values: [keyId, id] });
      return rowCount !== 0;
    },
    async list({ keyId, purpose, after, isOldestFirst, limit }) {
      const [order, beyond] = isOldestFirst ? ['asc', '>'] : ['desc', '<'];
      const text = `select ${columns} from uploaded_files
        where key_id = $1 and expires_at > $2 and ($3::text is null or purpose = $3)
          and ($4::text is null or (created_at, id) ${beyond}
            (select created_at, id from uploaded_files where key_id = $1 and id = $4))
        order by created_at ${order}, id ${order} limit $5`;
      const values = [keyId, now(), purpose, after, limit];
      const { rows } = await pool.query<UploadedFile>({ name: `list_files_${order}`, text, values });
      return rows;
    },
  };
}
