// Builds the app into ../../web/example/dist. `--check` builds into a temporary folder and compares, byte by byte.
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, createServer } from 'vite';

const SOURCE = path.dirname(fileURLToPath(import.meta.url));
const DIST = path.join(SOURCE, '..', '..', 'web', 'example', 'dist');
const MAX_JAVASCRIPT_BYTES = 150_000; // gzipped, all of it
const FONT = '@fontsource-variable/inter';

/** Build, and get the packages that the bundle has code of. */
async function buildApp(outDir) {
  const result = await build({ root: SOURCE, logLevel: 'warn', build: { outDir } });
  const modules = result.output.flatMap((output) => Object.keys(output.modules ?? {}));
  const names = modules.map((file) => file.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/)?.[1]);
  return [...new Set([...names.filter(Boolean), FONT])].sort();
}

/** All documents of the app by the hash of the text that is sent: `pacegraph trusted-documents check` reads it. */
async function writeManifest(outDir) {
  const server = await createServer({ root: SOURCE, logLevel: 'error', server: { middlewareMode: true, hmr: false, ws: false, watch: null } });
  try {
    const { documents } = await server.ssrLoadModule('/src/documents.ts');
    const entries = documents().map((text) => [`sha256:${createHash('sha256').update(text).digest('hex')}`, text]);
    const sorted = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
    await writeFile(path.join(outDir, 'trusted-documents.json'), `${JSON.stringify(sorted, null, 1)}\n`);
  } finally {
    await server.close();
  }
}

async function licence(name) {
  const folder = path.join(SOURCE, 'node_modules', name);
  const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  const author = manifest.author?.name ?? manifest.author ?? 'its authors';
  return {
    id: `${manifest.name} ${manifest.version} (${manifest.license})`,
    text: texts.map((text) => text.replaceAll('\r\n', '\n').trim()).join('\n\n') || `By ${author}. The package has no licence file; its manifest names ${manifest.license}.`,
  };
}

async function writeLicences(outDir, packages) {
  const rule = '='.repeat(78);
  const parts = (await Promise.all(packages.map(licence))).map(({ id, text }) => `${rule}\n${id}\n${rule}\n\n${text}\n`);
  await writeFile(path.join(outDir, 'LICENSES.txt'), parts.join('\n'));
}

async function contents(folder) {
  if (!existsSync(folder)) return new Map();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
  const pairs = files.map(async (file) => [path.relative(folder, file), await readFile(file)]);
  return new Map(await Promise.all(pairs));
}

function differences(a, b) {
  const names = [...new Set([...a.keys(), ...b.keys()])].sort();
  return names.filter((name) => !a.has(name) || !b.has(name) || !a.get(name).equals(b.get(name)));
}

/** The size of all JavaScript, gzipped. Throws above the bound. */
function measured(files) {
  const scripts = [...files].filter(([name]) => name.endsWith('.js'));
  const sum = scripts.reduce((total, [, bytes]) => total + gzipSync(bytes, { level: 9 }).length, 0);
  if (sum > MAX_JAVASCRIPT_BYTES) throw new Error(`the JavaScript has ${sum} bytes gzipped, more than ${MAX_JAVASCRIPT_BYTES}`);
  return sum;
}

async function main() {
  const fresh = await mkdtemp(path.join(tmpdir(), 'pacegraph-web-'));
  try {
    const packages = await buildApp(fresh);
    await writeManifest(fresh);
    await writeLicences(fresh, packages);
    const built = await contents(fresh);
    const size = measured(built);
    if (process.argv.includes('--check')) {
      const different = differences(built, await contents(DIST));
      if (different.length === 0) return;
      console.error(`web/example/dist is not what examples/web builds; run \`make example\`. Different:\n  ${different.join('\n  ')}`);
      process.exitCode = 1;
      return;
    }
    await rm(DIST, { recursive: true, force: true });
    await cp(fresh, DIST, { recursive: true });
    for (const [name, bytes] of built) console.log(`${String(bytes.length).padStart(9)}  ${name}`);
    console.log(`${String(size).padStart(9)}  JavaScript, gzipped`);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

await main();
