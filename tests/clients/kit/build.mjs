// Makes one program of each file: tags become the artifacts that Relay's and Isograph's compilers wrote.
//
//     node build.mjs NAME…
import { readFile } from 'node:fs/promises';
import { transformAsync } from '@babel/core';
import { build } from 'esbuild';

/** Files whose tags a Babel plugin replaces by what a compiler wrote. */
const tags = (name, filter, plugin, parts = []) => ({
  name,
  setup({ onLoad }) {
    onLoad({ filter }, async ({ path }) => {
      const { code } = await transformAsync(await readFile(path, 'utf8'), {
        filename: path,
        babelrc: false,
        parserOpts: { plugins: ['typescript', ...parts] },
        plugins: [plugin],
      });
      return { contents: code, loader: parts.length ? 'tsx' : 'ts' };
    });
  },
});

await build({
  entryPoints: process.argv.slice(2),
  outdir: 'generated/programs',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  jsx: 'automatic',
  plugins: [
    tags('relay', /relay\/relay\.ts$/, ['relay', { eagerEsModules: true, artifactDirectory: undefined }]),
    tags('isograph', /isograph\/\w+\.tsx$/, '@isograph', ['jsx']),
  ],
});
