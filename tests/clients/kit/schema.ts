// What the schema says, for the checks to compare the snippets with.
import { readFile } from 'node:fs/promises';
import { buildSchema, isAbstractType, isObjectType } from 'graphql';

export async function schemaOf() {
  const schema = buildSchema(await readFile('schema.graphql', 'utf8'));
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const objects = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => !type.name.startsWith('__') && !roots.includes(type));
  return {
    withoutId: new Set(objects.filter((type) => !type.getFields().id).map(({ name }) => name)),
    getPossibleTypes: (name: string) => {
      const type = schema.getType(name);
      if (!isAbstractType(type)) throw new Error(`${name} is no interface`);
      return schema.getPossibleTypes(type).map((each) => each.name).sort();
    },
  };
}
