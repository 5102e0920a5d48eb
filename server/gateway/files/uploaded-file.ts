/** A file that a client uploaded, as it is kept and as it is shown (v1 spec 2.9). Pure. */

export interface UploadedFile {
  /** The provider's name for it. */
  readonly id: string;
  readonly keyId: string;
  readonly accountId: string;
  readonly sizeBytes: number;
  readonly purpose: string;
  readonly extension: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** The provider forgets a file after a day or so. */
export const fileLifeMs = 24 * 3_600_000;

const extensions = new Set(
  'csv docx gif html jpeg jpg js json jsonl md pdf png pptx py ts tsv txt webp xlsx xml yaml zip'.split(' '),
);

/** How the client's name for it ends, where that is one of the usual words: all that is kept of the name. */
export function extensionOf(fileName: string): string {
  const extension = fileName.split('.').at(-1)?.toLowerCase() ?? '';
  return extensions.has(extension) ? extension : '';
}

/** @param fileName - As the client named it; later it is known only by its id. */
export function fileObject(file: UploadedFile, fileName?: string) {
  const { id, sizeBytes, purpose, extension, createdAt, expiresAt } = file;
  return {
    id,
    object: 'file',
    bytes: sizeBytes,
    created_at: secondsOf(createdAt),
    filename: fileName ?? (extension === '' ? id : `${id}.${extension}`),
    purpose,
    status: 'processed',
    expires_at: secondsOf(expiresAt),
  };
}

function secondsOf(instant: Date): number {
  return Math.floor(instant.getTime() / 1000);
}
