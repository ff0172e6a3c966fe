// The example app in trouble.
import assert from 'node:assert/strict';
import { RENAME, SYNC_TIMEOUT_MS, ask, baseUrl, open, picture, runs } from './app_page.mjs';

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

  async 'a token that is not valid ends at the sign-in'({ page }) {
    await page.goto('about:blank');
    await page.goto(`${baseUrl}/#token=pace_wrong`);
    await page.getByRole('link', { name: 'Sign in with Strava' }).waitFor();
  },
};
