// Bundles GraphiQL into ../dist. `--check` builds into a temporary folder and compares, byte by byte.
import { build } from 'esbuild';
import { cp, mkdtemp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = path.dirname(fileURLToPath(import.meta.url));
const DIST = path.join(SOURCE, '..', 'dist');
const ASSETS_URL = '/graphiql/assets/';

const OPTIONS = {
  absWorkingDir: SOURCE,
  bundle: true,
  minify: true,
  metafile: true,
  target: 'es2022',
  charset: 'utf8',
  entryNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  legalComments: 'none', // LICENSES.txt has the full texts
  loader: { '.ttf': 'file' },
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
};

const WORKERS = {
  __EDITOR_WORKER__: ['editor.worker', 'monaco-editor/esm/vs/editor/editor.worker.js'],
  __JSON_WORKER__: ['json.worker', 'monaco-editor/esm/vs/language/json/json.worker.js'],
  __GRAPHQL_WORKER__: ['graphql.worker', 'monaco-graphql/esm/graphql.worker.js'],
};

/** File names of the outputs by extension, for the entry point of one esbuild result. */
function outputs({ metafile }, name) {
  const names = Object.keys(metafile.outputs).map((file) => path.basename(file));
  return (extension) => names.find((file) => file.startsWith(`${name}-`) && file.endsWith(extension));
}

async function buildWorkers(outdir) {
  const define = {};
  const inputs = [];
  for (const [constant, [name, entry]] of Object.entries(WORKERS)) {
    const result = await build({ ...OPTIONS, outdir, entryPoints: { [name]: entry }, format: 'iife' });
    define[constant] = JSON.stringify(ASSETS_URL + outputs(result, name)('.js'));
    inputs.push(...Object.keys(result.metafile.inputs));
  }
  return { define, inputs };
}

async function buildPage(outdir, define) {
  const result = await build({
    ...OPTIONS,
    outdir,
    publicPath: ASSETS_URL,
    entryPoints: { main: 'main.jsx', favicon: 'favicon.svg' },
    loader: { ...OPTIONS.loader, '.svg': 'copy' },
    define: { ...OPTIONS.define, ...define },
    format: 'esm',
  });
  const urls = {
    'main.js': outputs(result, 'main')('.js'),
    'main.css': outputs(result, 'main')('.css'),
    'favicon.svg': outputs(result, 'favicon')('.svg'),
  };
  return { urls, inputs: Object.keys(result.metafile.inputs) };
}

async function writeIndex(outdir, urls) {
  const template = await readFile(path.join(SOURCE, 'index.html'), 'utf8');
  const html = template.replace(/{{(.+?)}}/g, (_, name) => ASSETS_URL + urls[name]);
  await writeFile(path.join(outdir, 'index.html'), html);
}

/** Folders of the packages that the bundle has code of, sorted. */
function packageFolders(inputs) {
  const found = inputs.map((file) => file.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0]);
  return [...new Set(found.filter(Boolean))].sort();
}

async function licence(folder) {
  const manifest = JSON.parse(await readFile(path.join(SOURCE, folder, 'package.json'), 'utf8'));
  const files = (await readdir(path.join(SOURCE, folder))).filter((name) => /^(licen[cs]e|notice|third-?party)/i.test(name));
  const texts = await Promise.all(files.sort().map((name) => readFile(path.join(SOURCE, folder, name), 'utf8')));
  const author = manifest.author?.name ?? manifest.author ?? manifest.contributors?.[0]?.name ?? manifest.contributors?.[0];
  const fallback = `${author ? `By ${author}. ` : ''}The package has no licence file; its manifest names ${manifest.license}.`;
  return {
    id: `${manifest.name} ${manifest.version} (${manifest.license})`,
    text: texts.length ? texts.map((text) => text.replaceAll('\r\n', '\n').trim()).join('\n\n') : fallback,
  };
}

async function writeLicences(outdir, inputs) {
  const licences = await Promise.all(packageFolders(inputs).map(licence));
  licences.push({
    id: 'Fonts, embedded in main.css by @graphiql/react',
    text: await readFile(path.join(SOURCE, 'fonts-licence.txt'), 'utf8').then((text) => text.trim()),
  });
  // Many packages share one text: print it once, under all their names.
  const byText = new Map();
  for (const { id, text } of licences) byText.set(text, [...(byText.get(text) ?? []), id]);
  const rule = '='.repeat(78);
  const parts = [...byText].map(([text, ids]) => `${rule}\n${[...new Set(ids)].join('\n')}\n${rule}\n\n${text}\n`);
  await writeFile(path.join(outdir, 'LICENSES.txt'), parts.join('\n'));
}

async function buildInto(outdir) {
  const assets = path.join(outdir, 'assets');
  await mkdir(assets, { recursive: true });
  const workers = await buildWorkers(assets);
  const page = await buildPage(assets, workers.define);
  await writeIndex(outdir, page.urls);
  await writeLicences(outdir, [...workers.inputs, ...page.inputs]);
}

async function contents(folder) {
  if (!existsSync(folder)) return new Map();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
  const pairs = files.map(async (file) => [path.relative(folder, file), await readFile(file)]);
  return new Map(await Promise.all(pairs));
}

async function differences(left, right) {
  const [a, b] = await Promise.all([contents(left), contents(right)]);
  const names = [...new Set([...a.keys(), ...b.keys()])].sort();
  return names.filter((name) => !a.has(name) || !b.has(name) || !a.get(name).equals(b.get(name)));
}

async function main() {
  const fresh = await mkdtemp(path.join(tmpdir(), 'graphiql-'));
  try {
    await buildInto(fresh);
    if (process.argv.includes('--check')) {
      const different = await differences(fresh, DIST);
      if (different.length === 0) return;
      console.error(`web/graphiql/dist is not what its source builds; run \`make graphiql\`. Different:\n  ${different.join('\n  ')}`);
      process.exitCode = 1;
      return;
    }
    await rm(DIST, { recursive: true, force: true });
    await cp(fresh, DIST, { recursive: true });
    for (const [name, bytes] of await contents(DIST)) console.log(`${String(bytes.length).padStart(9)}  ${name}`);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

await main();
