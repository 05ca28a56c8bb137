// The document of channels and webhooks is one that AsyncAPI's own schema accepts, and its examples
// have the form that it says.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import specs from '@asyncapi/specs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';

import { call, url } from '../support/api.mjs';

function ajv(options) {
  const made = new Ajv({ strict: false, allErrors: true, ...options });
  addFormats(made);
  return made;
}

test('the document is AsyncAPI 3.0', async () => {
  const document = await call(url, 'GET', '/asyncapi.json');
  // The published schema brings the draft that it is written in.
  const checker = ajv({ meta: false, validateSchema: false });
  const validate = checker.compile(specs.schemas['3.0.0']);
  assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 5), null, 2));
  assert.ok(!validate({ ...document, channels: { broken: { addres: 'site' } } }));
});

test('every example has the form of its message', async () => {
  const document = await call(url, 'GET', '/asyncapi.json');
  const checker = ajv().addSchema(document, 'asyncapi');
  const messages = Object.entries(document.components.messages);
  const examples = messages.filter(([, message]) => message.examples);
  assert.ok(examples.length > 40);
  for (const [name, message] of examples) {
    const schema = { $ref: `asyncapi#/components/messages/${name}/payload` };
    const validate = checker.compile(schema);
    for (const { payload } of message.examples) {
      assert.ok(validate(payload), `${name}: ${JSON.stringify(validate.errors)}`);
    }
  }
});
