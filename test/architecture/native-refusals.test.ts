/** Statuses that make a Codex client ask six times (wire spec A8.1), against where the codes that have them are answered. */
import { describe, expect, it } from 'vitest';
import { errorCodes, errorRow, type ErrorCode } from '../../server/contract/error-codes.ts';
import { sourceFiles } from './source-files.ts';

const askedSixTimes = [403, 408, 413, 415, 422];
const codes = (Object.keys(errorCodes) as ErrorCode[]).filter((code) => askedSixTimes.includes(errorRow(code).status));

/** Codes that native routes never answer with, and the one file that does: who is let in on the OpenAI surface. */
const publicDoor = 'server/gateway/public/authenticate-public.ts';
/** What leads to it, all of it the OpenAI surface's own, and where that is mounted. */
const publicStories = [
  publicDoor,
  'server/gateway/media/handle-file-upload.ts',
  'server/gateway/media/handle-image-request.ts',
  'server/gateway/public/handle-public-request.ts',
  'server/gateway/media/handle-transcription.ts',
  'server/gateway/media/media-routes.ts',
];
const publicMounts = [
  'server/http/public-routes.ts',
  // Upgrades: the row of `/v1/responses`, and whatever else is asked for below `/v1`.
  'server/gateway/sockets/socket-surfaces.ts',
  'server/http/upgrades.ts',
];
const onlyOnPublicRoutes: readonly ErrorCode[] = ['v1_compatibility_disabled'];

const sources = sourceFiles().filter(({ path }) => path.startsWith('server/') && !path.endsWith('.test.ts'));
const pathsWith = (text: string) => sources.filter((file) => file.text.includes(text)).map(({ path }) => path);

describe('a refusal that cannot change by asking again', () => {
  it.each(codes.filter((code) => !onlyOnPublicRoutes.includes(code)))('is 400 on native routes: %s', (code) => {
    expect(errorRow(code).nativeStatus).toBe(400);
  });

  it.each(onlyOnPublicRoutes)('keeps its own status where no native route can answer it: %s', (code) => {
    expect(codes).toContain(code);
    expect(errorRow(code).nativeStatus).toBeUndefined();
    expect(pathsWith(`'${code}'`)).toEqual([publicDoor]);
    for (const story of publicStories)
      for (const path of pathsWith(`${story.replace('server/gateway', '')}'`))
        expect([...publicStories, ...publicMounts], `${path} leads to ${story}`).toContain(path);
  });
});
