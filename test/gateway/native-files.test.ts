/** Files of native clients: each is brought to one account, and whatever refers to it goes there. */
import { describe, expect, it } from 'vitest';
import { memberships } from '../../server/contract/memberships.ts';
import { askCodex } from '../support/codex-request.ts';
import { householdForFile } from '../support/household.ts';
import { inspect, nativeCalls } from '../support/native-calls.ts';

const house = householdForFile();
const { threadAt } = house;
const { post, requestsTo, arrivedSince } = nativeCalls(house);

const announcement = '{ "file_name":"notes.txt", "file_size":5, "use_case":"codex" }';

/** Announces a file and puts its bytes where the answer says, as a client does. */
async function upload(as = house.key): Promise<{ id: string; account: string | undefined }> {
  const arriving = house.gateway.sandbox.nextRequest({ path: '/backend-api/files' });
  const { file_id: id, upload_url: url } = (await (
    await post('/backend-api/files', { body: announcement, as })
  ).json()) as {
    file_id: string;
    upload_url: string;
  };
  await fetch(url, { method: 'PUT', headers: { 'x-ms-blob-type': 'BlockBlob' }, body: 'hello' });
  return { id, account: (await arriving).account };
}

/** Files until each account has one. */
async function oneFileEach() {
  const files = new Map<string | undefined, string>();
  for (let n = 0; n < 60 && files.size < 2; n += 1) {
    const { id, account } = await upload();
    files.set(account, id);
  }
  return { ofAnna: files.get('anna') ?? '', ofBen: files.get('ben') ?? '' };
}

describe('a file', () => {
  it('is announced by one account, and only that account is asked about it again', async () => {
    const { ofAnna, ofBen } = await oneFileEach();
    for (const [id, name] of [
      [ofAnna, 'anna'],
      [ofBen, 'ben'],
      [ofAnna, 'anna'],
    ] as const) {
      const arriving = house.gateway.sandbox.nextRequest({ path: `/backend-api/files/${id}/uploaded` });
      const answer = await inspect(await post(`/backend-api/files/${id}/uploaded`));
      expect(answer).toMatchObject({ status: 200, body: { status: 'success', file_name: 'notes.txt' } });
      expect((await arriving).account).toBe(name);
    }
  });

  it('is announced byte for byte, under the name of the account alone', async () => {
    await upload();
    const [arrived] = requestsTo('/backend-api/files').slice(-1);
    expect(arrived?.body.toString()).toBe(announcement);
    expect(arrived?.headers.some(([, value]) => value.includes(house.key))).toBe(false);
  });

  it('is read where it lies: a conversation that refers to it goes to its account', async () => {
    const { ofAnna, ofBen } = await oneFileEach();
    for (const [id, name] of [
      [ofBen, 'ben'],
      [ofAnna, 'anna'],
    ] as const) {
      // Whatever account the conversation had.
      const thread = await threadAt(name === 'anna' ? 'ben' : 'anna');
      const arriving = house.gateway.sandbox.nextRequest({ path: '/backend-api/codex/responses' });
      const items = [{ role: 'user', content: [{ type: 'input_image', image_url: `sediment://${id}` }] }];
      const answer = await askCodex(house.gateway, house.key, { thread, items });
      await answer.text();
      expect([answer.status, (await arriving).account]).toEqual([200, name]);
    }
  });

  it('beside one of another account is refused before anybody is asked', async () => {
    const { ofAnna, ofBen } = await oneFileEach();
    const content = [ofAnna, ofBen].map((id) => ({ type: 'input_file', file_id: id }));
    const count = house.gateway.sandbox.requests.length;
    const answer = await inspect(await askCodex(house.gateway, house.key, { items: [{ role: 'user', content }] }));
    // 400, because a native client asks six times after 409.
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: 'file_assignment_conflict', param: 'file_id' } },
    });
    expect(arrivedSince(count)).toEqual([]);
  });

  it('of another key, or that nobody has, is unknown', async () => {
    const { id } = await upload();
    const stranger = await house.gateway.key({ name: 'stranger' });
    for (const [file, as] of [
      [id, stranger],
      ['file_nobody', house.key],
      ['..%2Ffiles', house.key],
    ] as const) {
      const count = house.gateway.sandbox.requests.length;
      const answer = await inspect(await post(`/backend-api/files/${file}/uploaded`, { as }));
      expect([400, 404]).toContain(answer.status);
      expect(['file_not_found', 'invalid_path']).toContain(answer.body.error?.code);
      expect(arrivedSince(count)).toEqual([]);
    }
  });

  it('is forgotten after a day', async () => {
    const { id } = await upload();
    house.gateway.clock.advance(23 * 3_600_000);
    expect((await post(`/backend-api/files/${id}/uploaded`)).status).toBe(200);
    house.gateway.clock.advance(2 * 3_600_000);
    expect((await post(`/backend-api/files/${id}/uploaded`)).status).toBe(404);
  });

  it('whose account cannot serve goes to no other', async () => {
    const { ofAnna } = await oneFileEach();
    await house.gateway.call(memberships.leave, { account: 'anna', pool: 'default' });
    try {
      const answer = await inspect(await post(`/backend-api/files/${ofAnna}/uploaded`));
      expect(answer).toMatchObject({ status: 503, body: { error: { code: 'pinned_continuation_unavailable' } } });
    } finally {
      await house.gateway.call(memberships.join, { account: 'anna', pool: 'default' });
    }
  });

  it('cannot be sent as a form', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    const answer = await inspect(await post('/backend-api/files', { headers, body: '--b--' }));
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'unsupported_multipart_file_create' } } });
  });

  it.each([
    [0, 200],
    [1, 400],
  ])('may be announced in 64 KiB and %i bytes: %i', async (more, status) => {
    const body = announcement.padEnd(64 * 1024 + more, ' ');
    expect((await post('/backend-api/files', { body })).status).toBe(status);
  });
});
