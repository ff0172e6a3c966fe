// What schema.graphql holds to, by graphql-eslint. A rule that is not here does not fit, for the reason at the end.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import plugin from '@graphql-eslint/eslint-plugin';

const schema = resolve(process.env.SCHEMA ?? '../../schema.graphql');

/** Objects without an id are values of the object that has them. The snippet for urql has to name each, too. */
const VALUES = [...readFileSync('../clients/kit/urql.ts', 'utf8').split('const EMBEDDED = [')[1].split(']')[0].matchAll(/'(\w+)'/g)]
  .map(([, name]) => name);

const recommended = plugin.configs['flat/schema-recommended'].rules;

const rules = {
  ...recommended,
  ...plugin.configs['flat/schema-relay'].rules,
  '@graphql-eslint/require-description': ['error', {
    types: true, DirectiveDefinition: true, FieldDefinition: true, InputValueDefinition: true, EnumValueDefinition: true,
  }],
  '@graphql-eslint/strict-id-in-types': ['error', { exceptions: { types: [...VALUES, 'UserError'], suffixes: ['Edge', 'Payload'] } }],
  '@graphql-eslint/relay-edge-types': ['error', {
    listTypeCanWrapOnlyEdgeType: false, // `nodes` are a connection's entries without cursors; short lists have no pages
    shouldImplementNode: false, // laps, splits and entries of imports are values
  }],
  '@graphql-eslint/input-name': 'error',
  '@graphql-eslint/no-scalar-result-type-on-mutation': 'error',
  '@graphql-eslint/require-nullable-fields-with-oneof': 'error',
  'no-restricted-syntax': ['error',
    {
      // schema-check lets go what a release before deprecated with such a reason (docs/compatibility.md)
      selector: 'Directive[name.value=deprecated] > Argument[name.value=reason] > StringValue[value!=/ Goes after \\d{4}-\\d\\d-\\d\\d\\.$/]',
      message: 'A reason of a deprecation names what to use instead and the last day: "Use `name`. Goes after 2027-03-01."',
    },
    {
      selector: 'ObjectTypeDefinition[name.value=Query] > FieldDefinition[name.value!=/^(now|rateLimit|standardDistances)$/] > .gqlType[kind=NonNullType]',
      message: 'A field of Query that may be refused is nullable: one bad argument must not blank the whole answer.',
    },
    {
      selector: 'ObjectTypeDefinition[name.value=Mutation] > FieldDefinition > .gqlType Name[value!=/Payload$/]',
      message: 'A mutation returns a payload.',
    },
    {
      selector: 'ObjectTypeDefinition[name.value=/Payload$/]:not(:has(> FieldDefinition[name.value=userErrors]))',
      message: 'A payload has `userErrors`.',
    },
  ],
  '@graphql-eslint/no-typename-prefix': 'off', // age-graded time is the name of what AgeGrade.ageGradedTimeSeconds is
};

// Of schema-all are left out: require-deprecation-date, since `@deprecated` has no such argument in GraphQL; alphabetize, since
// fields, values and arguments stand in the order in which one looks for them, and the printer sorts types by code points;
// require-nullable-result-in-root, since payloads carry their failures; require-field-of-type-query-in-mutation-result, since
// payloads return what changed; no-root-type and require-type-pattern-with-oneof, which are for what is not here.

export default [{
  files: ['**/*.graphql'],
  languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema } } },
  plugins: { '@graphql-eslint': plugin },
  rules,
}];
