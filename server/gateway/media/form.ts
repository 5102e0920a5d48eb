/** A form as client libraries send files: small fields, and files held in memory for as long as the call lasts. */
import type { IncomingMessage } from 'node:http';
import type { BodyRoom } from '../admission/body-room.ts';

/** Everything is counted while it arrives. */
export interface FormLimits {
  /** The whole body. */
  readonly maxBytes: number;
  readonly maxFields: number;
  readonly maxFieldBytes: number;
  readonly maxFileBytes: number;
  /** All files together. */
  readonly maxFilesBytes: number;
  /** Which fields hold files, how many each, and what errors call the field. */
  readonly files: Readonly<Record<string, { readonly count: number; readonly param: string }>>;
}

export interface FormFile {
  /** As the limits call its field. */
  readonly param: string;
  /** As the client named it; nothing keeps it. */
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Form {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly files: readonly FormFile[];
}

/** @throws {GatewayError} for what is no form, breaks a limit, or stops arriving. */
export type ReadForm = (request: IncomingMessage, reading: { limits: FormLimits; room: BodyRoom }) => Promise<Form>;
