// Makes one program of each file: Relay's tags become the artifacts that its compiler wrote.
//
//     node build.mjs NAME…
import { readFile } from 'node:fs/promises';
import { transformAsync } from '@babel/core';
import { build } from 'esbuild';

const relayTags = {
  name: 'relay',
  setup({ onLoad }) {
    onLoad({ filter: /relay\/relay\.ts$/ }, async ({ path }) => {
      const { code } = await transformAsync(await readFile(path, 'utf8'), {
        filename: path,
        babelrc: false,
        parserOpts: { plugins: ['typescript'] },
        plugins: [['relay', { eagerEsModules: true, artifactDirectory: undefined }]],
      });
      return { contents: code, loader: 'ts' };
    });
  },
};

await build({
  entryPoints: process.argv.slice(2),
  outdir: 'generated/programs',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  plugins: [relayTags],
});
