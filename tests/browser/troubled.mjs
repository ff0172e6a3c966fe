// The example app in trouble.
import assert from 'node:assert/strict';
import { RENAME, SYNC_TIMEOUT_MS, ask, baseUrl, open, picture, runs, strava } from './app_page.mjs';

/** The steps may fail requests on purpose: then the console is not clean. */
export const troubled = {
  async 'a lost connection is told, and found again'({ page, context }) {
    await open(page);
    await runs(page).first().waitFor();
    await context.setOffline(true);
    await page.getByText('Connection lost').waitFor();
    await picture(page, 'lost-connection');
    await page.getByRole('button', { name: 'Fetch runs' }).click();
    await page.getByText(/server cannot be reached/).waitFor();
    await context.setOffline(false);
    await page.getByText('Connection lost').waitFor({ state: 'detached', timeout: 15_000 });
    await page.getByRole('button', { name: 'Fetch runs' }).click();
    await page.getByText(/^Up to date/).waitFor({ timeout: SYNC_TIMEOUT_MS });
  },

  async 'a sync that was cancelled is tried again, and followed'({ page }) {
    const statusOf = async (id) => (await ask(page, 'query($id: ID!) { job(id: $id) { status } }', { id })).job.status;
    let status = '';
    for (let tries = 0; status !== 'CANCELLED'; tries += 1) { // it may have ended before
      assert.ok(tries < 10, status);
      const started = page.waitForResponse((response) => response.request().postData()?.includes('StartSync'));
      await page.getByRole('button', { name: 'Fetch runs' }).click();
      const { id } = (await (await started).json()).data.syncStrava.job;
      await ask(page, 'mutation($id: ID!) { cancelJob(input: { id: $id }) { userErrors { code } } }', { id });
      while (!['CANCELLED', 'SUCCEEDED'].includes(status = await statusOf(id))) await page.waitForTimeout(100);
    }
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText(/^Up to date/).waitFor({ timeout: SYNC_TIMEOUT_MS });
  },

  async 'what the server refuses without a time is asked for again, and told as long as it is away'({ context }) {
    const page = await context.newPage();
    let refused = 'athleteChanged';
    await page.routeWebSocket(/\/graphql$/, (socket) => {
      const server = socket.connectToServer();
      socket.onMessage((message) => {
        const { type, id, payload } = JSON.parse(message);
        if (type !== 'subscribe' || !payload.query.includes(refused)) server.send(message);
        else socket.send(JSON.stringify({ type: 'error', id, payload: [{ message: 'Not now.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] }));
      });
    });
    await open(page);
    await page.getByText('No live news for now').waitFor();
    await picture(page, 'no-live-news');
    const id = decodeURIComponent((await page.locator('.run-link').first().getAttribute('href')).replace('/runs/', ''));
    await ask(page, RENAME, { id, name: 'Told late' });
    refused = 'jobUpdated';
    await page.getByRole('link', { name: 'Told late' }).waitFor();
    await page.getByText('No live news for now').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Fetch runs' }).click();
    await page.getByText('cannot be followed: Not now.').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Fetch runs' }).isEnabled());
    await page.close();
  },

  async 'what changes while the connection is lost is shown, also where the clock is an hour ahead'({ context }) {
    const page = await context.newPage();
    await page.addInitScript(() => {
      const { now } = Date;
      const ahead = () => now() + 3_600_000;
      globalThis.Date = class extends Date { constructor(...parts) { super(...(parts.length ? parts : [ahead()])); } static now = ahead; };
    });
    const sockets = [];
    let isAway = false;
    await page.routeWebSocket(/\/graphql$/, (socket) => {
      if (isAway) return void socket.close({ code: 1012 });
      sockets.push(socket);
      socket.connectToServer();
    });
    const listening = page.waitForEvent('websocket');
    await open(page);
    await runs(page).first().waitFor();
    await listening;
    assert.ok(await page.evaluate(() => new Date() - performance.timeOrigin) > 3_000_000, 'the clock is ahead');
    isAway = true;
    for (const socket of sockets) await socket.close({ code: 1012 });
    await page.getByText('Connection lost').waitFor();
    const id = decodeURIComponent((await page.locator('.run-link').first().getAttribute('href')).replace('/runs/', ''));
    const name = `Changed meanwhile, ${Date.now()}`;
    await ask(page, RENAME, { id, name });
    isAway = false;
    await page.getByRole('link', { name }).waitFor();
    await page.close();
  },

  async 'a fetch that is paused says until when, by the clock of who looks at it'({ page: { request }, context }) {
    const zone = await context.browser().newContext({ timezoneId: 'Pacific/Kiritimati' }); // 14 h before UTC
    const page = await zone.newPage();
    await open(page);
    await request.post(`${strava}/simulator/faults`, { data: { kind: 'rate_limited', path: '/athlete/activities', times: 1 } });
    const started = page.waitForResponse((response) => response.request().postData()?.includes('StartSync'));
    await page.getByRole('button', { name: 'Fetch runs' }).click();
    const { id } = (await (await started).json()).data.syncStrava.job;
    const told = await page.getByText(/^Paused until /).textContent({ timeout: SYNC_TIMEOUT_MS });
    const { job } = await ask(page, 'query($id: ID!) { job(id: $id) { waitingUntil } }', { id });
    const clock = new Date(Date.parse(job.waitingUntil) + 14 * 3_600_000).toISOString().slice(11, 16);
    assert.ok(told.endsWith(` ${clock}`), `${told}: ${clock}`);
    await ask(page, 'mutation($id: ID!) { cancelJob(input: { id: $id }) { userErrors { code } } }', { id });
    await zone.close();
  },

  async 'who signs out in one window is signed out in all of them'({ context }) {
    const cookies = await context.browser().newContext();
    const [first, second] = [await cookies.newPage(), await cookies.newPage()];
    await first.goto(`${baseUrl}/auth/strava?returnTo=/`);
    const settings = (page) => page.getByRole('link', { name: /^Settings of / });
    await settings(first).or(first.getByRole('button', { name: 'Authorize' })).waitFor();
    if (!await settings(first).isVisible()) await first.getByRole('button', { name: 'Authorize' }).click();
    await runs(first).first().waitFor();
    await second.goto(`${baseUrl}/settings`);
    await second.getByRole('button', { name: 'Sign out' }).click();
    await first.getByRole('link', { name: 'Sign in with Strava' }).waitFor({ timeout: 20_000 });
    let sockets = 0;
    first.on('websocket', () => { sockets += 1; });
    await first.waitForTimeout(5000);
    assert.equal(sockets, 0, 'it connects no more');
    await cookies.close();
  },

  async 'a token that is not valid ends at the sign-in'({ page }) {
    await page.goto('about:blank');
    await page.goto(`${baseUrl}/#token=pace_wrong`);
    await page.getByRole('link', { name: 'Sign in with Strava' }).waitFor();
  },
};
