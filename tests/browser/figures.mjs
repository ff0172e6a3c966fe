// The example app's figures beside what is wanted, in one table.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { loadavg } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { baseUrl, checked, token } from './app_page.mjs';
import { machineIsBusy, watchedPage } from './browser.mjs';

const FIRST_VIEW_MS = 1000;
const MOST_SHIFT = 0.001;
const MOST_SCRIPT_BYTES = 150_000; // gzipped, of all pages together
const SCRIPTS = path.join(import.meta.dirname, '..', '..', 'web', 'example', 'dist', 'assets');

const measured = { views: [], shifts: [], firstBytes: 0 };

/** Measure from the navigation to the first run, and how far the page moved meanwhile. */
export async function firstView(browser) {
  const { page } = await watchedPage(browser, baseUrl, token, { waitsForBudget: true });
  await page.addInitScript(() => {
    globalThis.moved = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.moved += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
    new MutationObserver((_, observer) => {
      if (!document.querySelector('.run-row')) return;
      observer.disconnect();
      requestAnimationFrame(() => { globalThis.seenAt = performance.now(); });
    }).observe(document, { childList: true, subtree: true });
  });
  for (let turn = 0; turn < 3; turn += 1) {
    await page.goto('about:blank');
    await page.goto(`${baseUrl}/#token=${token}`);
    await page.waitForFunction(() => globalThis.seenAt);
    await page.waitForTimeout(500);
    const { seenAt, moved, bytes } = await page.evaluate(() => ({
      seenAt: globalThis.seenAt, moved: globalThis.moved,
      bytes: performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js')).reduce((sum, each) => sum + each.encodedBodySize, 0),
    }));
    measured.views.push(Math.round(seenAt));
    measured.shifts.push(moved);
    measured.firstBytes = bytes;
  }
  await page.context().close();
}

/** All scripts of the app, gzipped. */
async function scriptBytes() {
  const scripts = (await readdir(SCRIPTS)).filter((name) => name.endsWith('.js'));
  const files = await Promise.all(scripts.map((name) => readFile(path.join(SCRIPTS, name))));
  return files.reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0);
}

/** Print what was measured beside what is wanted, and hold it. A busy machine's times are printed only. */
export async function report() {
  const bytes = await scriptBytes();
  const number = (value) => value.toLocaleString('en-US');
  const rows = [
    ['', 'at most', `measured at a load of ${loadavg()[0].toFixed(1)}`],
    ['first view', `${number(FIRST_VIEW_MS)} ms`, `${measured.views.join(', ')} ms`],
    ['layout shift', MOST_SHIFT, measured.shifts.map((each) => each.toFixed(4)).join(', ')],
    ['violations of axe', 0, `0 in ${checked.length} views`],
    ['JavaScript, gzipped', `${number(MOST_SCRIPT_BYTES)} bytes`, `${number(bytes)} bytes; the first view loads ${number(measured.firstBytes)}`],
  ];
  console.log(rows.map(([what, most, found]) => `    ${what.padEnd(20)} ${String(most).padEnd(14)} ${found}`).join('\n'));
  assert.ok(Math.max(...measured.shifts) < MOST_SHIFT, 'the layout moved');
  assert.ok(bytes <= MOST_SCRIPT_BYTES, 'too much JavaScript');
  assert.ok(machineIsBusy() || Math.min(...measured.views) <= FIRST_VIEW_MS, 'the first view came late');
}
