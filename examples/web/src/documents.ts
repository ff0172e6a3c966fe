// All documents of the app, as its client sends them. Only the build reads this: it writes the manifest.
import { createRequest, formatDocument, stringifyDocument, type DocumentInput } from '@urql/core';

type Definitions = { kind: string; definitions: readonly { kind: string }[] };

const isOperation = (value: unknown): value is DocumentInput & Definitions =>
  (value as Definitions | null)?.kind === 'Document'
  && (value as Definitions).definitions.some(({ kind }) => kind === 'OperationDefinition');

export function documents(): string[] {
  const modules = import.meta.glob<Record<string, unknown>>(['./*/*.tsx', './*.ts', '!./documents.ts'], { eager: true });
  const exported = Object.values(modules).flatMap((module) => Object.values(module)).filter(isOperation);
  const texts = exported.map((document) => stringifyDocument(formatDocument(createRequest(document, {}).query)));
  return [...new Set(texts)].sort();
}
