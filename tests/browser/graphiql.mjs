// node tests/browser/graphiql.mjs BASE_URL TOKEN ADMIN_TOKEN [enforced]
// Uses GraphiQL as a visitor does. SCREENSHOTS=folder keeps pictures.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkAccessible, checkHeight, checkWidth, launch, watchedPage } from './browser.mjs';

const [baseUrl, token, adminToken] = [process.argv[2]?.replace(/\/$/, ''), process.argv[3], process.argv[4]];
const OURS = [['.graphiql-logo'], ['.graphiql-footer']];
const IN_THE_MENU = [
  'Race predictions and critical speed', 'Pace curve', 'Latest run with splits and chart', 'Training load of a month',
  'Note something on a run',
];
const EXAMPLES = ['Viewer', 'Sync', 'WatchTheJob', 'PersonalBests', 'Activities', 'AgeGrade'];
const ENDED = ['SUCCEEDED', 'FAILED', 'CANCELLED'];
const JOB_TIMEOUT_MS = 90_000;

const picture = async (page, name) => {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
};

/** Replaces the text of an editor. */
const write = (page, file, text) => page.evaluate(
  ([name, value]) => globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.endsWith(name)).setValue(value), [file, text]);

const costLine = (page, text) => page.locator('.cost-line [role=status]').getByText(text).waitFor();

/** The text of one of GraphiQL's editors: operation.graphql, variables.json, request-headers.json, response.json. */
const editorText = (page, file) => page.evaluate(
  (name) => globalThis.__MONACO.editor.getModels().find(({ uri }) => uri.path.endsWith(name)).getValue(), file);

const tabTitles = (page) => page.locator('.graphiql-tab-button').allTextContents();
const openTab = (page, title) => page.locator('.graphiql-tab-button', { hasText: new RegExp(`^${title}$`) }).click();

/** Presses Run and waits until the answer satisfies `until`. */
async function run(page, until = () => true, timeout = 20_000) {
  await page.locator('.graphiql-execute-button').click();
  const deadline = Date.now() + timeout;
  for (;;) {
    const text = await editorText(page, 'response.json');
    const answer = text && JSON.parse(text);
    if (answer && (answer.errors || until(answer))) return answer;
    assert.ok(Date.now() < deadline, `no such answer within ${timeout} ms; the last: ${text}`);
    await page.waitForTimeout(100);
  }
}

async function runExample(page, title, ...args) {
  await openTab(page, title);
  const answer = await run(page, ...args);
  assert.equal(answer.errors, undefined, `${title}: ${JSON.stringify(answer.errors)}`);
  return answer.data;
}

async function open(page, address) {
  await page.goto(address);
  await page.locator('.graphiql-execute-button').waitFor();
  await page.waitForFunction(() => globalThis.__MONACO?.editor.getModels().length >= 4);
}

const steps = {
  async 'the page opens with the examples, and the token leaves the address bar'({ page }) {
    await open(page, `${baseUrl}/graphiql#token=${token}`);
    assert.equal(await page.title(), 'pacegraph');
    assert.deepEqual(await tabTitles(page), EXAMPLES);
    assert.equal(page.url(), `${baseUrl}/graphiql`);
    assert.equal(JSON.parse(await editorText(page, 'request-headers.json')).Authorization, `Bearer ${token}`);
    await page.locator('.signed-in').waitFor();
  },

  async 'the docs explorer shows the schema'({ page }) {
    await page.getByLabel('Show Documentation Explorer').click();
    const docs = page.locator('.graphiql-doc-explorer');
    await docs.getByText('Query', { exact: true }).click();
    await docs.getByText('personalBests').or(docs.getByText('leaderboard')).first().waitFor();
    await picture(page, 'docs');
    await page.getByLabel('Hide Documentation Explorer').click();
  },

  async 'Viewer says who is signed in'({ page }) {
    const { viewer } = await runExample(page, 'Viewer');
    assert.ok(viewer.athlete.id);
    await picture(page, 'viewer');
  },

  async 'Sync starts a job with the athlete filled in'({ page, ids }) {
    const { syncStrava } = await runExample(page, 'Sync');
    assert.deepEqual(syncStrava.userErrors, []);
    ids.job = syncStrava.job.id;
  },

  async 'WatchTheJob follows that job to its end'({ page, ids, requested }) {
    await openTab(page, 'WatchTheJob');
    assert.equal(JSON.parse(await editorText(page, 'variables.json')).id, ids.job);
    const ended = ({ data }) => ENDED.includes(data?.jobUpdated.status);
    const { jobUpdated } = await runExample(page, 'WatchTheJob', ended, JOB_TIMEOUT_MS);
    assert.equal(jobUpdated.status, 'SUCCEEDED', JSON.stringify(jobUpdated.error));
    assert.ok(requested.some((url) => url.startsWith('ws')), 'over WebSocket');
    await picture(page, 'subscription');
  },

  async 'PersonalBests, Activities and AgeGrade answer'({ page }) {
    const bests = await runExample(page, 'PersonalBests');
    assert.ok(bests.viewer.athlete.personalBests.length > 0);
    await picture(page, 'personal-bests');
    const list = await runExample(page, 'Activities');
    assert.ok(list.viewer.athlete.activities.nodes.length > 0);
    await picture(page, 'activities');
    const { ageGrade } = await runExample(page, 'AgeGrade');
    assert.ok(ageGrade.percent > 50 && ageGrade.percent < 100);
  },

  async 'the cost is told before running, and after it with what is left'({ page }) {
    const told = page.locator('.cost-line [role=status]');
    await openTab(page, 'Activities');
    await told.getByText(/^Costs at most 14 · [\d,]+ of 20,000 left$/).waitFor();
    await write(page, 'variables.json', '{"first": 40}');
    await told.getByText(/^Costs at most 44 · /).waitFor();
    await picture(page, 'cost-before');
    await run(page, ({ data }) => data.viewer.athlete.activities.nodes.length === 40);
    await told.getByText(/^Cost \d+ of at most 44(, and [\d,]+ for its work)? · [\d,]+ of 20,000 left$/).waitFor();
    assert.equal(await page.getByRole('button', { name: 'SQL and plan' }).count(), 0, 'it is for administrators');
  },

  async 'every example of the menu runs'({ page }) {
    const menu = page.getByRole('combobox', { name: 'Open an example' });
    for (const name of IN_THE_MENU) {
      const tabs = (await tabTitles(page)).length;
      await menu.selectOption(name);
      await page.waitForFunction((before) => document.querySelectorAll('.graphiql-tab-button').length > before, tabs);
      const answer = await run(page);
      assert.equal(answer.errors, undefined, `${name}: ${JSON.stringify(answer.errors)}`);
      assert.deepEqual(answer.data.updateActivity?.userErrors ?? [], []);
    }
    assert.ok((await menu.locator('option').allTextContents()).includes('Watch what changes'));
  },

  async 'the editor completes names of fields'({ page }) {
    await page.getByRole('button', { name: 'New tab' }).click();
    await page.locator('.graphiql-query-editor .monaco-editor').first().click();
    await page.keyboard.type('{ viewer { athl', { delay: 40 });
    const suggestion = page.locator('.suggest-widget.visible .monaco-list-row', { hasText: 'athlete' }).first();
    await suggestion.waitFor();
    await picture(page, 'completion');
    await page.keyboard.press('Enter');
    assert.match(await editorText(page, 'operation.graphql'), /viewer \{ athlete\b/);
  },

  async 'an unknown field is marked'({ page }) {
    await write(page, 'operation.graphql', '{ viewer { noSuchField } }');
    await page.waitForFunction(() => globalThis.__MONACO.editor.getModelMarkers({})
      .some(({ message }) => message.includes('noSuchField')));
  },

  async 'history and explorer open'({ page }) {
    await page.getByLabel('Show History').click();
    await page.locator('.graphiql-history-items').getByText('PersonalBests').first().waitFor();
    await page.getByLabel('Show GraphiQL Explorer').click();
    await page.locator('.graphiql-explorer-root').getByText('leaderboard').first().waitFor();
    await picture(page, 'explorer');
    await page.getByLabel('Hide GraphiQL Explorer').click();
  },

  async 'tabs and token outlive a reload, and the token is in no permanent storage'({ page }) {
    await page.waitForTimeout(700); // GraphiQL stores tabs half a second after a change
    await page.reload();
    await open(page, `${baseUrl}/graphiql`);
    assert.deepEqual((await tabTitles(page)).slice(0, 6), EXAMPLES);
    assert.ok((await runExample(page, 'Viewer')).viewer.athlete.id);
    await page.waitForTimeout(700);
    assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes(token), 'the token is in localStorage');
  },
};

async function signedOut(browser) {
  const { page, checkClean } = await watchedPage(browser, baseUrl, null, { colorScheme: 'dark' });
  await open(page, `${baseUrl}/graphiql`);
  assert.equal(await page.getByText('Sign in with Strava').getAttribute('href'), '/auth/strava?returnTo=/graphiql');
  assert.equal((await runExample(page, 'Viewer')).viewer, null);
  await openTab(page, 'WatchTheJob');
  assert.match((await run(page)).errors[0].message, /Sync/);
  assert.ok((await runExample(page, 'AgeGrade')).ageGrade.percent);
  await picture(page, 'signed-out');

  await write(page, 'request-headers.json', JSON.stringify({ authorization: `Bearer ${token}` }));
  await page.locator('.signed-in').waitFor();
  assert.ok((await runExample(page, 'Viewer')).viewer.athlete.id, 'a token pasted in one tab serves the others');
  await openTab(page, 'Sync');
  assert.notEqual(JSON.parse(await editorText(page, 'variables.json')).athleteId, '');
  checkClean();
}

async function asAdministrator(browser) {
  const { page, checkClean } = await watchedPage(browser, baseUrl, adminToken);
  await open(page, `${baseUrl}/graphiql#token=${adminToken}`);
  await write(page, 'operation.graphql', '{ athletes(first: 3) { nodes { displayName } } }');
  await page.getByRole('button', { name: 'SQL and plan' }).click();
  const dialog = page.getByRole('dialog', { name: 'What PostgreSQL does' });
  await dialog.getByText(/^Planning [\d.]+ ms, execution [\d.]+ ms, /).waitFor();
  await dialog.getByText(/^SELECT /).waitFor();
  await checkAccessible(page, 'the plan', [['.explanation']]);
  await picture(page, 'plan');
  await dialog.getByRole('button', { name: 'Close' }).click();
  assert.equal((await run(page)).errors, undefined);
  checkClean();
}

async function signingOut(browser) {
  const { page, checkClean } = await watchedPage(browser, baseUrl, token);
  await open(page, `${baseUrl}/graphiql#token=${token}`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('Sign in with Strava').waitFor();
  await open(page, `${baseUrl}/graphiql`);
  assert.equal((await runExample(page, 'Viewer')).viewer, null);
  assert.ok(!(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).includes(token));
  checkClean();
}

/** One column on small windows; in both colors nothing of axe in what is ours. */
async function looks(browser) {
  for (const [name, colorScheme, width] of [['wide', 'light', 1500], ['dark', 'dark', 1500], ['narrow', 'light', 600], ['phone', 'dark', 390]]) {
    const { page, checkClean } = await watchedPage(browser, baseUrl, adminToken, { colorScheme, viewport: { width, height: 900 } });
    await open(page, `${baseUrl}/graphiql#token=${adminToken}`);
    await openTab(page, 'AgeGrade');
    await page.locator('.cost-line').getByText(/^Costs at most/).waitFor();
    await run(page);
    await checkAccessible(page, name, OURS);
    if (width < 700) {
      await checkWidth(page, name);
      await write(page, 'operation.graphql', '{ standardDistances { distance label meters } }');
      await page.locator('.cost-line').getByText(/^Costs at most/).waitFor(); // GraphiQL knows the new operation a little later
      await run(page, ({ data }) => data.standardDistances);
      await checkHeight(page, name, '.graphiql-container');
      const [above, below] = await Promise.all(['.graphiql-editors', '.graphiql-response'].map((each) => page.locator(each).boundingBox()));
      assert.ok(above.y + above.height <= below.y + 1, `${name}: the answer is not below the query`);
      assert.ok(Math.min(above.width, below.width) > width * 0.85, `${name}: ${above.width} and ${below.width} of ${width}`);
    }
    if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `looks-${name}.png`), fullPage: true });
    checkClean();
    await page.context().close();
  }
}

/** The pictures of docs/graphiql.md, which `make graphiql-pictures` takes: WebP is a quarter of PNG. */
async function documented(browser) {
  const take = async (page, name) => {
    const session = await page.context().newCDPSession(page);
    const [width, height] = await page.evaluate(() => [innerWidth, document.documentElement.scrollHeight]);
    const whole = { captureBeyondViewport: true, clip: { x: 0, y: 0, width, height, scale: 1 } };
    const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 80, ...whole });
    await writeFile(path.join(process.env.SCREENSHOTS, `${name}.webp`), data, 'base64');
  };
  const opened = async (who, look) => {
    const { page } = await watchedPage(browser, baseUrl, who, { deviceScaleFactor: 1.5, viewport: { width: 1000, height: 620 }, ...look });
    await open(page, `${baseUrl}/graphiql#token=${who}`);
    return page;
  };

  for (const colorScheme of ['light', 'dark']) {
    const page = await opened(token, { colorScheme });
    await openTab(page, 'PersonalBests');
    await costLine(page, /^Costs at most/);
    if (colorScheme === 'light') await take(page, 'before');
    await run(page);
    await costLine(page, /^Cost \d+ of at most/);
    await take(page, colorScheme === 'light' ? 'after' : 'dark');
    await page.context().close();
  }

  const page = await opened(adminToken, { viewport: { width: 1000, height: 760 } });
  await write(page, 'operation.graphql', '{\n  athletes(first: 3) {\n    nodes {\n      displayName\n    }\n  }\n}\n');
  await page.getByRole('button', { name: 'SQL and plan' }).click();
  await page.getByRole('dialog').getByText(/^Planning [\d.]+ ms/).waitFor();
  await take(page, 'plan');

  const phone = await opened(token, { colorScheme: 'dark', viewport: { width: 390, height: 844 } });
  await openTab(phone, 'AgeGrade');
  await costLine(phone, /^Costs at most/);
  await run(phone);
  await costLine(phone, /^Cost \d+ of at most/);
  await take(phone, 'phone');
}

/** The demo's server says what a name was meant to be. */
async function suggestions(browser) {
  const { page } = await watchedPage(browser, baseUrl, token); // refused requests are errors in the console
  await open(page, `${baseUrl}/graphiql#token=${token}`);
  await write(page, 'operation.graphql', '{ viewer { athlet { id } } }');
  assert.match((await run(page)).errors[0].message, /Did you mean 'athlete'/);
}

/** Where only trusted documents run, administrators explore, and others are told. */
async function enforced(browser) {
  const { page, checkClean } = await watchedPage(browser, baseUrl, adminToken);
  await open(page, `${baseUrl}/graphiql#token=${adminToken}`);
  assert.ok((await runExample(page, 'Viewer')).viewer.scopes.includes('ADMIN'));
  await page.getByRole('button', { name: 'SQL and plan' }).waitFor();
  checkClean();
  const { page: other } = await watchedPage(browser, baseUrl, token);
  await other.goto(`${baseUrl}/graphiql#token=${token}`);
  await other.getByText('Only administrators may explore this server.').waitFor();
  await other.getByText('Sign in with Strava').waitFor();
}

const more = {
  'signed out: sign-in link, calculator, a pasted token': signedOut,
  'administrators see statement and plan': asAdministrator,
  'signing out forgets token and session': signingOut,
  'wide, dark, narrow and on a phone: one column, no violation of axe in what is ours': looks,
  'errors of the demo suggest names': suggestions,
  ...process.env.SCREENSHOTS && { 'the pictures of the documentation': documented },
};

async function main() {
  assert.ok(baseUrl && token && adminToken, 'usage: node tests/browser/graphiql.mjs BASE_URL TOKEN ADMIN_TOKEN [enforced]');
  const browser = await launch();
  try {
    if (process.argv[5] === 'enforced') return await enforced(browser);
    const visit = { ...await watchedPage(browser, baseUrl, token), ids: {} };
    for (const [name, step] of Object.entries(steps)) {
      await step(visit).catch(async (error) => {
        await picture(visit.page, 'failed');
        throw new Error(`${name}: ${error.message}`, { cause: error });
      });
      console.log(`ok  ${name}`);
    }
    visit.checkClean();
    console.log('ok  no request to another origin, no console error');
    for (const [name, part] of Object.entries(more)) {
      await part(browser);
      console.log(`ok  ${name}`);
    }
  } finally {
    await browser.close();
  }
}

await main();
