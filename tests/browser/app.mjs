// node tests/browser/app.mjs BASE_URL TOKEN STRAVA_URL
// Uses the example app as a runner does. SCREENSHOTS=folder keeps pictures.
import assert from 'node:assert/strict';
import { loadavg } from 'node:os';
import { RENAME, SYNC_TIMEOUT_MS, ask, baseUrl, checkAccessible, open, originalOf, picture, runs, strava, token } from './app_page.mjs';
import { firstView, report } from './figures.mjs';
import { troubled } from './troubled.mjs';
import { checkWidth, launch, watchedPage } from './browser.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

async function scrollToEnd(page, count) {
  for (const until = Date.now() + 30_000; await runs(page).count() < count;) {
    assert.ok(Date.now() < until, `${await runs(page).count()} of ${count} runs after scrolling`);
    await page.mouse.wheel(0, 3000);
    await page.waitForTimeout(100);
  }
}

/** Edits the run that is shown. `early` runs while the server's answer is held back. */
async function editRun(page, { name, notes, isHidden }, early = null) {
  await page.getByRole('button', { name: 'Edit' }).click();
  const form = page.getByRole('form', { name: 'Edit this run' });
  await form.getByLabel('Name').fill(name);
  await form.getByLabel('Notes, for you alone').fill(notes);
  await form.getByLabel(/^Hide it/).setChecked(isHidden);
  if (early) await checkAccessible(page, 'the form of a run');
  let goOn = () => {};
  const held = new Promise((resolve) => { goOn = resolve; });
  await page.route('**/graphql', async (route) => {
    if (early && route.request().postData()?.includes('EditRun')) await held;
    await route.continue();
  });
  const answer = page.waitForResponse((response) => response.request().postData()?.includes('EditRun'));
  await form.getByRole('button', { name: 'Save' }).click();
  if (early) await early();
  goOn();
  const { data } = await (await answer).json();
  assert.deepEqual(data.updateActivity.userErrors, []);
  await page.unroute('**/graphql');
}

const steps = {
  async 'the link signs in, and the token leaves the address bar'({ page }) {
    await open(page);
    assert.equal(page.url(), `${baseUrl}/`);
    await page.getByRole('link', { name: /^Settings of / }).waitFor();
  },

  async 'a sync shows its progress, and the list what it brought'({ page }) {
    await page.getByRole('button', { name: 'Fetch runs' }).click();
    await page.getByText(/^Up to date/).waitFor({ timeout: SYNC_TIMEOUT_MS });
    await runs(page).nth(19).waitFor();
  },

  async 'scrolling brings all runs'({ page }) {
    await scrollToEnd(page, 48);
    const names = await page.locator('.run-when').allTextContents();
    assert.equal(new Set(names).size, 48, 'each run once');
  },

  async 'a run has its figures, charts, splits and efforts'({ page, visit }) {
    await page.locator('.run-link').nth(30).scrollIntoViewIfNeeded();
    await page.waitForTimeout(100);
    visit.left = await page.evaluate(() => window.scrollY);
    await page.locator('.run-link').nth(30).click();
    await page.getByRole('heading', { name: 'Splits' }).waitFor();
    await page.getByRole('img', { name: /^Pace: / }).waitFor();
    await page.getByRole('heading', { name: 'Best efforts within this run' }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H1', 'the focus is on the heading');
    assert.equal(await page.evaluate(() => window.scrollY), 0);
    const effort = page.getByRole('button', { name: /, show 1 km in the charts$/ });
    await effort.click();
    const { width } = await page.locator('.band').first().boundingBox();
    assert.ok(width > 20, `a band of ${width} pixels marks the effort`);
    await effort.click();
    assert.equal(await page.locator('.band').count(), 0);
  },

  async 'the cross-hair follows the pointer and the keys'({ page }) {
    const plot = await page.locator('.plot').first().boundingBox();
    await page.mouse.move(plot.x + plot.width / 2, plot.y + plot.height / 2);
    await page.locator('.hair').first().waitFor();
    await page.mouse.move(0, 0);
    const axis = page.getByRole('slider', { name: 'Place in the run' });
    await page.mouse.move(plot.x + plot.width / 2, plot.y + plot.height / 2); // the page is scrolled below it
    await axis.press('PageUp');
    const chosen = await axis.getAttribute('aria-valuetext');
    await page.mouse.wheel(0, 200);
    await page.waitForTimeout(300);
    assert.equal(await axis.getAttribute('aria-valuetext'), chosen, 'what keys chose stays');
    assert.notEqual(await page.locator('.hair').count(), 0);
    await page.keyboard.press('End');
    const last = await axis.getAttribute('aria-valuetext');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    assert.match(last, /km, .*Pace/);
    assert.equal(await axis.getAttribute('aria-valuenow'), '1');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.hair').count(), 0);
  },

  async 'going back finds the list where it was left'({ page, visit }) {
    await page.goBack();
    await runs(page).nth(47).waitFor({ state: 'attached' });
    assert.equal(await page.evaluate(() => window.scrollY), visit.left);
  },

  async 'bests have a table, a pace curve and age grades, and each distance its history'({ page }) {
    await page.getByRole('link', { name: 'Bests' }).click();
    await page.locator('table.bests tbody tr').nth(8).waitFor();
    assert.equal(await page.locator('table.bests tbody tr').count(), 9);
    await page.getByRole('img', { name: /^Best pace over each distance: 400 m / }).waitFor();
    await page.getByText('57.0 %').first().waitFor();
    await page.getByRole('link', { name: '5 km', exact: true }).click();
    await page.getByRole('img', { name: '30 efforts over time, the best 28:18' }).waitFor();
    const history = page.getByRole('region', { name: 'How the best came down' }).locator('tbody tr');
    assert.deepEqual((await history.first().locator('td').allTextContents()), ['28:18', '1:41']);
    await page.getByRole('button', { name: 'Age grade' }).click();
    await page.getByRole('heading', { name: 'Age grade of every effort' }).waitFor();
  },

  async 'an effort that does not count changes the best, and back'({ page }) {
    const counts = page.getByLabel('The effort of Oct 2, 2020 counts');
    await counts.click();
    await page.getByRole('img', { name: '29 efforts over time, the best 29:01' }).waitFor();
    await counts.click();
    await page.getByRole('img', { name: '30 efforts over time, the best 28:18' }).waitFor();
  },

  async 'predictions rest on efforts, of half a year or of all'({ page }) {
    await page.getByRole('link', { name: 'Bests', exact: true }).click();
    const predictions = page.getByRole('region', { name: 'Race predictions' });
    await predictions.getByText('No effort of this time promises anything.').waitFor();
    await predictions.getByRole('button', { name: 'All years' }).click();
    await predictions.getByRole('row', { name: /^10 km .* in / }).waitFor();
    await predictions.getByText('Critical pace').waitFor();
  },

  async 'training shows volume by period, time in zones, and load by heart rates'({ page }) {
    await page.getByRole('link', { name: 'Training' }).click();
    await page.getByRole('img', { name: /^Distance by week/ }).waitFor();
    await page.getByRole('button', { name: 'Years' }).click();
    await page.getByRole('img', { name: /^Distance by year/ }).waitFor();
    await page.getByRole('button', { name: 'Save zones' }).click();
    await page.getByText('Each zone begins at').waitFor();
    await page.getByLabel('At rest').fill('50');
    await page.getByLabel('Maximum').fill('190');
    await page.getByRole('button', { name: 'Save heart rates' }).click();
    await page.getByRole('img', { name: /^Training load of 90 days/ }).waitFor();
  },

  async 'a file is sent and imported, and its run has a route and all charts'({ page }) {
    await page.getByRole('link', { name: 'Upload' }).click();
    await page.getByRole('button', { name: 'Try a sample run' }).click();
    await page.getByText(/^Imported/).waitFor({ timeout: SYNC_TIMEOUT_MS });
    await page.getByRole('link', { name: 'Sample run in the Tiergarten' }).click();
    await page.getByRole('img', { name: /^Drawing of the route/ }).waitFor();
    for (const name of ['Pace', 'Heart rate', 'Elevation', 'Cadence']) {
      await page.getByRole('img', { name: new RegExp(`^${name}: `) }).waitFor();
    }
    const place = page.getByRole('slider', { name: 'Place in the run' });
    await place.press('PageUp');
    await page.locator('.here').waitFor();
    const id = decodeURIComponent(new URL(page.url()).pathname.replace('/runs/', ''));
    for (const name of ['Asked for again', 'Sample run in the Tiergarten']) {
      await ask(page, RENAME, { id, name });
      await page.getByRole('heading', { level: 1, name }).waitFor();
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'slider', 'the focus stays');
      assert.ok(await page.locator('.here').isVisible());
    }
  },

  async 'a broken file says what is wrong, and stops nothing'({ page }) {
    await page.getByRole('link', { name: 'Upload' }).click();
    await page.getByLabel('Files').setInputFiles({ name: 'broken.fit', mimeType: 'application/octet-stream', buffer: Buffer.from('no recording') });
    await page.locator('.report [data-outcome]').waitFor({ timeout: SYNC_TIMEOUT_MS });
    assert.notEqual(await page.locator('.report [data-outcome]').getAttribute('data-outcome'), 'IMPORTED');
  },

  async 'units change everywhere at once'({ page }) {
    await page.getByRole('link', { name: /^Settings of / }).click();
    await page.getByLabel('Units').selectOption('IMPERIAL');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved').waitFor();
    await page.getByRole('link', { name: 'Runs' }).click();
    await page.locator('.run-distance', { hasText: 'mi' }).first().waitFor();
    await page.getByRole('link', { name: /^Settings of / }).click();
    await page.getByLabel('Units').selectOption('METRIC');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved').waitFor();
  },

  async 'an edit shows before the server answers'({ page }) {
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.locator('.run-link').nth(1).click();
    await page.getByRole('heading', { name: 'Splits' }).waitFor();
    await editRun(page, { name: 'Renamed in the test', notes: 'Felt light', isHidden: true }, async () => {
      await page.getByRole('heading', { level: 1, name: 'Renamed in the test' }).waitFor({ timeout: 1000 });
      await page.getByText('Felt light', { exact: true }).waitFor({ timeout: 1000 });
      await page.getByText('Only you').waitFor({ timeout: 1000 });
    });
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Renamed in the test' }).waitFor();
    await picture(page, 'run-edited');
  },

  async 'another window shows what changes, without a reload'({ page }) {
    const other = await page.context().newPage();
    await open(other);
    await other.getByRole('link', { name: 'Renamed in the test' }).waitFor();
    await editRun(page, { name: 'Renamed once more', notes: '', isHidden: false });
    await other.getByRole('link', { name: 'Renamed once more' }).waitFor();
    await other.close();
  },

  async 'a page that is left while it is asked for again stops nothing'({ page }) {
    const id = decodeURIComponent(new URL(page.url()).pathname.replace('/runs/', ''));
    let [noteAsked, goOn] = [() => {}, () => {}];
    const asked = new Promise((resolve) => { noteAsked = resolve; });
    const held = new Promise((resolve) => { goOn = resolve; });
    await page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('query Run(')) {
        noteAsked();
        await held;
      }
      await route.continue().catch(() => undefined); // the page has ended it
    });
    await ask(page, RENAME, { id, name: 'Left meanwhile' });
    await asked;
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.getByRole('link', { name: 'Left meanwhile' }).waitFor();
    goOn();
    await page.unroute('**/graphql');
    await ask(page, RENAME, { id, name: 'Renamed once more' });
    await page.getByRole('link', { name: 'Renamed once more' }).waitFor();
  },

  async 'a deleted run leaves at once, and Undo brings it back'({ page }) {
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.getByText(/^\d+ in all$/).waitFor();
    const count = parseInt(await page.locator('.count').textContent(), 10);
    await page.locator('.run-link').nth(2).click();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('button', { name: 'Delete run' }).click();
    await page.getByText(/” is deleted\.$/).waitFor();
    await page.getByText(`${count - 1} in all`).waitFor();
    await picture(page, 'deleted');
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText(/” is back\.$/).waitFor({ timeout: SYNC_TIMEOUT_MS });
    await page.getByText(`${count} in all`).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
  },

  async 'a run on the same route is shown beside this one'({ page }) {
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    const original = await originalOf(page, 'Sample run in the Tiergarten');
    const later = original.replaceAll('2021-07-08T', '2021-07-15T').replace('Sample run in', 'A week later in');
    await page.getByRole('link', { name: 'Upload' }).click();
    await page.getByLabel('Files').setInputFiles({ name: 'later.gpx', mimeType: 'application/gpx+xml', buffer: Buffer.from(later) });
    await page.getByRole('link', { name: 'A week later in the Tiergarten' }).click({ timeout: SYNC_TIMEOUT_MS });
    const others = page.getByRole('region', { name: 'On the same route' });
    await others.getByText('This run').waitFor();
    await checkAccessible(page, 'runs on the same route');
    await others.getByRole('link', { name: 'Jul 8, 2021' }).click();
    await others.getByRole('link', { name: 'Jul 15, 2021' }).waitFor();
  },

  async 'of two recordings of a run another one is chosen'({ page }) {
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    const original = await originalOf(page, 'Sample run in the Tiergarten');
    const again = original.replace('creator="pacegraph"', 'creator="a second watch"').replace('Sample run in', 'Second recording in');
    await page.getByRole('link', { name: 'Upload' }).click();
    await page.getByLabel('Files').setInputFiles({ name: 'second.gpx', mimeType: 'application/gpx+xml', buffer: Buffer.from(again) });
    await page.getByRole('link', { name: 'Second recording in the Tiergarten' }).click({ timeout: SYNC_TIMEOUT_MS });
    const recordings = page.getByRole('region', { name: 'Recorded 2 times' });
    const named = (name) => recordings.locator('li', { hasText: 'Counts' }).getByText(name);
    await recordings.locator('li', { hasText: 'Counts' }).waitFor();
    const isFirst = await named('Second recording in the Tiergarten').isVisible(); // they are equal: the rules take either
    const [ruled, other] = isFirst ? ['Second recording in', 'Sample run in'] : ['Sample run in', 'Second recording in'];
    await recordings.getByRole('button', { name: 'Let this one count' }).click();
    await named(other).waitFor();
    await picture(page, 'recordings');
    await recordings.getByRole('button', { name: 'Let the rules choose' }).click();
    await named(ruled).waitFor();
  },

  async 'shoes are added, renamed and retired, and another window shows it'({ page }) {
    await page.getByRole('link', { name: 'Shoes' }).click();
    const other = await page.context().newPage();
    await open(other);
    await other.getByRole('link', { name: 'Shoes' }).click();
    await page.getByRole('region', { name: 'Add shoes' }).getByLabel('Name').fill('Fast ones');
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByRole('button', { name: 'Edit Fast ones' }).click();
    await other.getByText('Fast ones', { exact: true }).waitFor();
    const form = page.getByRole('form', { name: 'Edit Fast ones' });
    await form.getByLabel('Name').fill('Slow ones');
    await form.getByLabel('No longer worn').check();
    await checkAccessible(page, 'the form of shoes');
    await form.getByRole('button', { name: 'Save' }).click();
    await other.getByText('Slow ones retired').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Edit Slow ones');
    await other.close();
  },

  async 'a page that is opened by its address or reloaded is there'({ page }) {
    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    await page.locator('.run-link').first().click();
    await page.getByRole('heading', { name: 'Splits' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Splits' }).waitFor();
    await page.goto(`${baseUrl}/runs/nothing`);
    await page.getByRole('alert').or(page.getByRole('heading', { name: 'Run not found' })).waitFor();
  },
};

async function signIn(browser) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(`${baseUrl}/bests`);
  const link = page.getByRole('link', { name: 'Sign in with Strava' });
  await link.waitFor();
  await picture(page, 'sign-in');
  await checkAccessible(page, 'signed out');
  await link.click();
  // The simulated Strava asks no athlete twice; the demo's has agreed.
  const settings = page.getByRole('link', { name: /^Settings of / });
  await settings.or(page.getByRole('button', { name: 'Authorize' })).waitFor();
  if (!await settings.isVisible()) await page.getByRole('button', { name: 'Authorize' }).click();
  await settings.waitFor();
  assert.equal(page.url(), `${baseUrl}/bests`);
  await context.close();
}

/** Every page: nothing of axe, in both colors, on a screen and on a phone without sideways scrolling. */
async function looks(browser, name, options) {
  const { page, checkClean } = await watchedPage(browser, baseUrl, token, { waitsForBudget: true, ...options });
  await open(page);
  await runs(page).first().waitFor();
  const run = await page.locator('.run-link').first().getAttribute('href');
  const pages = { runs: '/', run, bests: '/bests', distance: '/bests/KM5', training: '/training', shoes: '/shoes', upload: '/upload', leaderboard: '/leaderboard', settings: '/settings' };
  for (const [what, address] of Object.entries(pages)) {
    await page.goto(`${baseUrl}${address}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForLoadState('networkidle');
    await checkAccessible(page, `${what}, ${name}`);
    await checkWidth(page, `${what}, ${name}`);
    await picture(page, `${what}-${name}`);
  }
  checkClean();
  await page.context().close();
}

async function perform(page, all, more = {}) {
  const visit = {};
  for (const [name, step] of Object.entries(all)) {
    await step({ page, visit, ...more }).catch(async (error) => {
      await picture(page, 'failed');
      throw new Error(`${name}: ${error.message}\nThe page says:\n${await page.locator('body').innerText()}`, { cause: error });
    });
    console.log(`ok  ${name}`);
  }
}

async function main() {
  assert.ok(baseUrl && token && strava, 'usage: node tests/browser/app.mjs BASE_URL TOKEN STRAVA_URL');
  const browser = await launch();
  try {
    await signIn(browser);
    console.log('ok  signing in comes back to the page that asked');
    const watched = await watchedPage(browser, baseUrl, token, { waitsForBudget: true });
    await perform(watched.page, steps);
    watched.checkClean();
    if (watched.refused.length) console.log(`    ${watched.refused.length} requests had to wait for their budget at a load of ${loadavg()[0].toFixed(1)}`);
    console.log('ok  no request to another origin, no console error');
    const { page } = await watchedPage(browser, baseUrl, token, { waitsForBudget: true });
    await perform(page, troubled, { context: page.context() });
    await looks(browser, 'light', { colorScheme: 'light', viewport: { width: 1280, height: 800 } });
    await looks(browser, 'phone', { colorScheme: 'dark', ...PHONE });
    console.log('ok  every page, light and dark, on a screen and a phone: no violation of axe');
    await firstView(browser);
    await report();
    console.log('ok  first view, layout, accessibility and size');
  } finally {
    await browser.close();
  }
}

await main();
