// #region config
import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: ['codegen-client.ts'],
  generates: {
    'generated/gql/': {
      preset: 'client',
      presetConfig: { persistedDocuments: { hashAlgorithm: 'sha256' } },
      config: {
        documentMode: 'string', // texts, without graphql-js in the bundle
        scalars: { DateTime: 'string', LocalDateTime: 'string', Date: 'string' },
        strictScalars: true, // a scalar that is new here becomes an error, not `any`
        enumsAsTypes: true,
      },
    },
  },
};

export default config;
// #endregion config
