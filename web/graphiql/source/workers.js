// Monaco asks for its workers by label. They are files of their own, from our own origin, so that the page
// runs under `worker-src 'self'`. build.mjs puts their hashed names in place of the constants.
const URLS = { json: __JSON_WORKER__, graphql: __GRAPHQL_WORKER__ };

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(URLS[label] ?? __EDITOR_WORKER__, { name: label }),
};
