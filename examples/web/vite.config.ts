import { defineConfig } from 'vite';

// `npm run dev` forwards the API's paths to `make run`. PACEGRAPH names another server.
const api = { target: process.env.PACEGRAPH ?? 'http://127.0.0.1:8000', ws: true };

export default defineConfig({
  server: {
    host: '127.0.0.1',
    proxy: { '/graphql': api, '/auth': api, '/strava': api, '/uploads': api, '/graphiql': api },
  },
  build: {
    outDir: '../../web/example/dist',
    assetsDir: 'assets',
    assetsInlineLimit: 0, // the policy allows no data: address
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  experimental: {
    renderBuiltUrl: (file) => `/example/${file}`,
  },
});
