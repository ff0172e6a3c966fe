/** @type {import('houdini').ConfigFile} */
export default {
  schemaPath: './schema.graphql',
  watchSchema: false, // it is a file, which an update of the server brings
  include: 'src/**/*.{gql,ts}',
  url: `${globalThis.process?.env?.PACEGRAPH_URL ?? ''}/graphql`, // a page asks its own origin
  scalars: { DateTime: { type: 'string' }, LocalDateTime: { type: 'string' }, Date: { type: 'string' } },
};
