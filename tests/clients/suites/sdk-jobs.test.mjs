// `@wix/sdk` and `@wix/members`, unmodified: members let in, blocked and deleted by filter.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, createMember, eventually, url } from '../support/api.mjs';
import { owner } from '../support/sdk.mjs';

async function ended(jobId) {
  return eventually(async () => {
    const { job } = await call(url, 'GET', `/v1/jobs/${jobId}`);
    return job.status === 'ENDED' ? job : undefined;
  });
}

test('a filter names whom a job blocks, lets in and deletes', async () => {
  const created = [await createMember(url), await createMember(url), await createMember(url)];
  const ids = created.map(({ id }) => id);
  const filter = { id: { $in: ids } };
  const statuses = async () => {
    const found = await owner.members.queryMembers({ fieldsets: ['FULL'] }).in('_id', ids).find();
    return found.items.map(({ status }) => status);
  };
  const { jobId: blocking } = await owner.members.bulkBlockMembers(filter);
  assert.equal((await ended(blocking)).bulkActionMetadata.totalSuccesses, 3);
  assert.deepEqual(await statuses(), ['BLOCKED', 'BLOCKED', 'BLOCKED']);
  const { jobId: approving } = await owner.members.bulkApproveMembers(filter);
  await ended(approving);
  assert.deepEqual(await statuses(), ['APPROVED', 'APPROVED', 'APPROVED']);
  const { jobId: deleting } = await owner.members.bulkDeleteMembersByFilter(filter);
  assert.equal((await ended(deleting)).bulkActionMetadata.totalFailures, 0);
  assert.deepEqual(await statuses(), []);
});

test('a job without a filter, or by one that is not known, is refused', async () => {
  const wrong = owner.members.bulkDeleteMembersByFilter({ shoeSize: 44 });
  const error = await wrong.then(() => assert.fail('was not refused'), (reason) => reason);
  assert.equal(error.details.validationError.fieldViolations[0].ruleName, 'UNSUPPORTED_FIELD');
});
