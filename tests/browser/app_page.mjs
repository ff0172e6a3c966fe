// What all steps of the example app's test share: its page, and the script's own requests.
import assert from 'node:assert/strict';
import path from 'node:path';
import { checkAccessible as checkByAxe } from './browser.mjs';

/** The address of pacegraph, a token, and the address of the simulated Strava. */
export const [baseUrl, token, strava] = [process.argv[2]?.replace(/\/$/, ''), process.argv[3], process.argv[4]];
export const SYNC_TIMEOUT_MS = 90_000;

export const RENAME = 'mutation($id: ID!, $name: String!) { updateActivity(input: { activityId: $id, name: $name }) { userErrors { code } } }';

/** The views in which axe found nothing. */
export const checked = [];

export const checkAccessible = async (page, what) => {
  await checkByAxe(page, what);
  checked.push(what);
};

export const picture = async (page, name) => {
  if (!process.env.SCREENSHOTS) return;
  await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.jpg`), type: 'jpeg', quality: 82 });
};

export const runs = (page) => page.locator('.run-row');
export const open = async (page) => {
  await page.goto(`${baseUrl}/#token=${token}`);
  await page.getByRole('heading', { name: 'Runs', exact: true }).waitFor();
};

/** The script's own requests; they wait as the app does where the budget is used up. */
async function patiently(page, request) {
  for (const until = Date.now() + SYNC_TIMEOUT_MS; ;) {
    const answer = await request();
    if (answer.status() !== 429 || Date.now() > until) return answer;
    await page.waitForTimeout(1000 * Number(answer.headers()['retry-after']));
  }
}

export async function ask(page, query, variables) {
  const request = { headers: { authorization: `Bearer ${token}` }, data: { query, variables } };
  return (await (await patiently(page, () => page.request.post(`${baseUrl}/graphql`, request))).json()).data;
}

/** The text of the file that a run of the list was read from. */
export async function originalOf(page, name) {
  const path_ = await page.getByRole('link', { name }).getAttribute('href');
  const { activity } = await ask(
    page, 'query($id: ID!) { activity(id: $id) { original { downloadUrl } } }', { id: decodeURIComponent(path_.replace('/runs/', '')) },
  );
  const file = await patiently(page, () => page.request.get(activity.original.downloadUrl));
  assert.equal(file.status(), 200, await file.text());
  return file.text();
}
