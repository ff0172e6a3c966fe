// Chromium, and a page that is watched: what it requests, and what it complains about.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
  ],
});

/** A page with a profile of its own, and `checkClean()`: no foreign request, no token in a URL, no error. */
export async function watchedPage(browser, baseUrl, token, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1500, height: 900 }, ...options });
  const page = await context.newPage();
  const requested = [];
  const complaints = [];
  page.on('request', (request) => requested.push(request.url()));
  page.on('websocket', (socket) => requested.push(socket.url()));
  page.on('response', (response) => response.status() >= 400 && complaints.push(`${response.status()} ${response.url()}`));
  // Monaco stops a worker while it is still loading when its settings change: such a request counts as aborted.
  page.on('requestfailed', (request) => {
    const reason = request.failure().errorText;
    if (reason !== 'net::ERR_ABORTED') complaints.push(`${reason} ${request.url()}`);
  });
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.stack));

  const isOwn = (url) => /^(data|blob):/.test(url) || url.replace(/^ws/, 'http').startsWith(`${baseUrl}/`);
  const checkClean = () => {
    assert.deepEqual(requested.filter((url) => !isOwn(url)), [], 'requests to other origins');
    assert.deepEqual(requested.filter((url) => token && url.includes(token)), [], 'the token is in a URL');
    assert.deepEqual(complaints, [], 'errors in the console');
  };
  return { page, requested, checkClean };
}
