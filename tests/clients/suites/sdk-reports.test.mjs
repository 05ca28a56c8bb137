// `@wix/sdk` and `@wix/members`, unmodified: reports about members, and members that are deleted.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createMember, follow, unique, url } from '../support/api.mjs';
import { UNKNOWN_ID, UUID, allPages, asMember, owner, refusal } from '../support/sdk.mjs';

const reason = { category: 'HARASSMENT', description: 'again and again' };

test('a member reports another, and the owner reads and deletes what was reported', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  const cleo = await createMember(url);
  const wish = { reportedMemberId: ben.id, reason };
  const { memberReport: report } = await asMember(ann.token).memberReport.reportMember(wish);
  assert.match(report._id, UUID);
  assert.equal(report.reportingMemberId, ann.id);
  assert.deepEqual({ ...report.reason }, reason);
  assert.ok(report._createdDate instanceof Date);
  const again = await asMember(ann.token).memberReport.reportMember(wish);
  assert.equal(again.memberReport._id, report._id, 'the same one');
  await asMember(cleo.token).memberReport.reportMember(wish);
  const found = await owner.memberReport.queryMemberReports()
    .eq('reportedMemberId', ben.id).limit(1).find();
  const all = await allPages(found);
  assert.deepEqual(all.map((one) => one.reportingMemberId), [ann.id, cleo.id]);
  const { reportedMembers } = await owner.memberReport.queryReportedMembers({
    query: { filter: { reportedMemberId: ben.id } },
  });
  assert.equal(reportedMembers.length, 1);
  assert.equal(reportedMembers[0].reportCount, '2');
  assert.equal(reportedMembers[0].reviewed, false);
  assert.ok(reportedMembers[0].lastReportDate instanceof Date);
  const listed = await owner.memberReport.listReportedMembers({ cursorPaging: { limit: 100 } });
  assert.ok(listed.reportedMembers.some((one) => one.reportedMemberId === ben.id));
  await owner.memberReport.deleteMemberReports(ben.id);
  const left = await owner.memberReport.queryMemberReports().eq('reportedMemberId', ben.id).find();
  assert.equal(left.items.length, 0);
});

test('reports that make no sense are refused with the published codes', async () => {
  const ann = await createMember(url);
  const me = asMember(ann.token).memberReport;
  const myself = { reportedMemberId: ann.id, reason };
  await refusal(me.reportMember(myself), 409, /SELF_REPORTING_FORBIDDEN/);
  const nobody = { reportedMemberId: UNKNOWN_ID, reason };
  await refusal(me.reportMember(nobody), 404, /MEMBER_NOT_FOUND/);
});

test('a deleted member is gone for everybody', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  await follow(url, ann, ben);
  await owner.members.deleteMember(ann.id);
  await refusal(owner.members.getMember(ann.id), 404, /MEMBER_NOT_FOUND/);
  const followers = await owner.memberFollowers.listMemberFollowers(ben.id);
  assert.deepEqual(followers.memberIds, []);
  const found = await owner.members.queryMembers().eq('_id', ann.id).find();
  assert.equal(found.items.length, 0);
});

test('a member deletes itself and names who takes over', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  await asMember(ann.token).members.deleteMyMember({ contentAssigneeId: ben.id });
  await refusal(owner.members.getMember(ann.id), 404, /MEMBER_NOT_FOUND/);
});

test('many are deleted with a result each', async () => {
  const [ann, ben] = [await createMember(url), await createMember(url)];
  const answer = await owner.members.bulkDeleteMembers([ann.id, UNKNOWN_ID, ben.id]);
  const successes = answer.results.map(({ itemMetadata }) => itemMetadata.success);
  assert.deepEqual(successes, [true, false, true]);
  assert.equal(answer.results[1].itemMetadata.error.code, 'MEMBER_NOT_FOUND');
  assert.equal(answer.bulkActionMetadata.totalSuccesses, 2);
});

test('parts of a contact are taken away', async () => {
  const nickname = unique('parts');
  const addresses = [{ city: 'Rome' }];
  const contact = { phones: ['+1 555 0100'], emails: ['a@example.com'], addresses };
  const member = { loginEmail: `${nickname}@example.com`, profile: { nickname }, contact };
  const { _id } = await owner.members.createMember({ member });
  for (const [remove, part] of [
    ['deleteMemberPhones', 'phones'], ['deleteMemberEmails', 'emails'],
    ['deleteMemberAddresses', 'addresses'],
  ]) {
    const answer = await owner.members[remove](_id);
    const left = (answer.member ?? answer).contact;
    assert.equal(left?.[part]?.length ?? 0, 0, part);
  }
});
