// Chromium, and a page that is watched: what it requests, and what it complains about.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg } from 'node:os';
import { chromium } from 'playwright-core';

/** Beside other work, measured times say how busy the machine is. */
export const machineIsBusy = () => loadavg()[0] > availableParallelism();

/** A page that waits for its budget goes on within 50 s. */
const WITHIN_MS = 90_000;

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
});

/** A page with a profile of its own, and `checkClean()`: no foreign request, no token in a URL, no error. */
export async function watchedPage(browser, baseUrl, token, { waitsForBudget = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1500, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  const requested = [];
  const complaints = [];
  page.on('request', (request) => requested.push(request.url()));
  page.on('websocket', (socket) => requested.push(socket.url()));
  // A program goes through all pages within a minute, and may use up a budget that lasts people. Pages that wait for it then
  // (`waitsForBudget`) have to do all the same; on a busy machine any page may meet a budget that is used up.
  const refused = [];
  const isExcused = (status) => status === 429 && (waitsForBudget || machineIsBusy());
  page.on('response', (response) => {
    if (response.status() < 400) return;
    (isExcused(response.status()) ? refused : complaints).push(`${response.status()} ${response.url()}`);
  });
  // Monaco stops a worker while it is still loading when its settings change: such a request counts as aborted.
  page.on('requestfailed', (request) => {
    const reason = request.failure().errorText;
    if (reason !== 'net::ERR_ABORTED') complaints.push(`${reason} ${request.url()}`);
  });
  page.on('console', (message) => message.type() === 'error' && !isExcused(Number(/ status of (\d+) /.exec(message.text())?.[1])) && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.stack));

  const isOwn = (url) => /^(data|blob):/.test(url) || url.replace(/^ws/, 'http').startsWith(`${baseUrl}/`);
  const checkClean = () => {
    assert.deepEqual(requested.filter((url) => !isOwn(url)), [], 'requests to other origins');
    assert.deepEqual(requested.filter((url) => token && url.includes(token)), [], 'the token is in a URL');
    assert.deepEqual(complaints, [], 'errors in the console');
  };
  return { page, requested, refused, checkClean };
}

/** axe finds nothing, in the page or in what the selectors name. It runs in the page's own world, as its policy demands. */
export async function checkAccessible(page, what, selectors = null) {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(
    (include) => globalThis.axe.run(include ? { include } : document), selectors);
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join('\n')}`);
  assert.deepEqual(told, [], `axe: ${what}`);
}

/** The page ends with what it shows in an element. */
export async function checkHeight(page, what, selector) {
  const [page_, end] = await page.evaluate((shown) => [document.documentElement.scrollHeight,
    document.querySelector(shown).getBoundingClientRect().bottom + window.scrollY], selector);
  assert.ok(page_ <= Math.max(end, await page.evaluate(() => window.innerHeight)) + 1, `${what}: ${page_ - end} empty pixels below`);
}

/** The page is no wider than its window. */
export async function checkWidth(page, what) {
  const [page_, window_] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(page_ <= window_, `${what}: scrolls sideways (${page_} of ${window_})`);
}
