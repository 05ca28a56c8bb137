//! Finding members: filters, orders and pages over the resident rows.

use std::sync::Arc;

use super::directory::{email_hash, text_hash};
use super::query::{Cursor, MemberFilter, MemberOrder, Page, PageOf, PageStart, Viewer};
use super::sight::Eye;
use super::site::Site;

impl Site {
    /// Ordinals of the members that match, in order, cut to the page.
    pub(super) fn select(
        &self,
        filter: &MemberFilter,
        order: MemberOrder,
        page: &Page,
        viewer: Viewer,
    ) -> PageOf<u32> {
        let eye = self.eye(viewer);
        let fits = |member: &u32| self.sees(eye, *member) && self.fits(*member, filter, eye);
        let counted_at_once = *filter == MemberFilter::Everyone && viewer == Viewer::Owner;
        if let Some(mut few) = self.candidates(filter) {
            few.retain(fits);
            self.sort(&mut few, order);
            return self.page_few(few, order, page);
        }
        let total = match counted_at_once {
            true => self.directory.living_len(),
            false => (0..self.directory.len() as u32).filter(fits).count(),
        };
        let mut rest: Box<dyn Iterator<Item = u32>> = match &page.start {
            PageStart::Offset(offset) => {
                Box::new(self.in_order(order, None).filter(fits).skip(*offset))
            }
            PageStart::After(cursor) => Box::new(self.in_order(order, Some(cursor)).filter(fits)),
        };
        let items: Vec<u32> = rest.by_ref().take(page.limit).collect();
        let more = rest.next().is_some();
        drop(rest);
        let next = items.last().filter(|_| more).map(|last| self.cursor_at(*last, order));
        PageOf { items, total, hidden: 0, next }
    }

    /// The few members that an indexed condition leaves; `None` where all must be looked at.
    fn candidates(&self, filter: &MemberFilter) -> Option<Vec<u32>> {
        match filter {
            MemberFilter::Ids(ids) => {
                Some(ids.iter().filter_map(|id| self.find_member(*id)).map(|m| m.0).collect())
            }
            MemberFilter::Emails(emails) => {
                let found =
                    emails.iter().filter_map(|email| self.directory.find_email(email_hash(email)));
                Some(found.collect())
            }
            MemberFilter::Nicknames(names) => {
                let each = names.iter().map(|name| name.to_lowercase());
                Some(each.flat_map(|name| self.with_nickname(&name)).collect())
            }
            MemberFilter::NicknamePrefix(prefix) => {
                let prefix = prefix.to_lowercase();
                Some(self.directory.with_nickname_prefix(&prefix).collect())
            }
            MemberFilter::Slugs(slugs) => {
                let each = slugs.iter().map(|slug| self.directory.find_slug(text_hash(slug)));
                Some(each.flatten().collect())
            }
            MemberFilter::All(filters) => filters.iter().find_map(|one| self.candidates(one)),
            MemberFilter::Any(filters) => {
                let each: Option<Vec<Vec<u32>>> =
                    filters.iter().map(|one| self.candidates(one)).collect();
                each.map(|found| found.into_iter().flatten().collect())
            }
            MemberFilter::Everyone
            | MemberFilter::Not(_)
            | MemberFilter::Statuses(_)
            | MemberFilter::Privacy(_) => None,
        }
    }

    fn with_nickname(&self, name: &str) -> Vec<u32> {
        let same = |member: &u32| self.directory.row(*member).nickname.as_deref() == Some(name);
        self.directory.with_nickname_prefix(name).take_while(same).collect()
    }

    /// Others are not found by what the viewer does not see of them: their e-mail.
    fn fits(&self, member: u32, filter: &MemberFilter, eye: Eye) -> bool {
        let row = self.directory.row(member);
        match filter {
            MemberFilter::Everyone => true,
            MemberFilter::All(filters) => filters.iter().all(|one| self.fits(member, one, eye)),
            MemberFilter::Any(filters) => filters.iter().any(|one| self.fits(member, one, eye)),
            MemberFilter::Not(one) => !self.fits(member, one, eye),
            MemberFilter::Ids(ids) => ids.contains(&self.counters.id(member)),
            MemberFilter::Emails(emails) => {
                let is_known = eye == Eye::Whole || eye.own() == Some(member);
                let same = |email: &String| email_hash(email) == row.email;
                is_known && row.email != 0 && emails.iter().any(same)
            }
            MemberFilter::Nicknames(names) => {
                let same = |name: &String| row.nickname.as_deref() == Some(&name.to_lowercase());
                names.iter().any(same)
            }
            MemberFilter::NicknamePrefix(prefix) => {
                let prefix = prefix.to_lowercase();
                row.nickname.as_deref().is_some_and(|name| name.starts_with(&prefix))
            }
            MemberFilter::Slugs(slugs) => {
                row.slug != 0 && slugs.iter().any(|slug| text_hash(slug) == row.slug)
            }
            MemberFilter::Statuses(statuses) => statuses.contains(&row.status),
            MemberFilter::Privacy(privacy) => privacy.contains(&row.privacy),
        }
    }

    fn sort(&self, members: &mut Vec<u32>, order: MemberOrder) {
        members.sort_unstable();
        members.dedup();
        match order {
            MemberOrder::CreatedAscending => {}
            MemberOrder::CreatedDescending => members.reverse(),
            MemberOrder::NicknameAscending => members.sort_by_key(|member| self.name_key(*member)),
            MemberOrder::NicknameDescending => {
                members.sort_by_key(|member| std::cmp::Reverse(self.name_key(*member)));
            }
        }
    }

    fn name_key(&self, member: u32) -> (Arc<str>, u32) {
        let name = self.directory.row(member).nickname.clone();
        (name.unwrap_or_else(|| Arc::from("")), member)
    }

    fn page_few(&self, few: Vec<u32>, order: MemberOrder, page: &Page) -> PageOf<u32> {
        let total = few.len();
        let start = match &page.start {
            PageStart::Offset(offset) => (*offset).min(total),
            PageStart::After(cursor) => {
                let beyond = |member: &u32| !self.is_beyond(*member, order, cursor);
                few.iter().take_while(|member| beyond(member)).count()
            }
        };
        let end = (start + page.limit).min(total);
        let next = few[start..end].last().filter(|_| end < total);
        let next = next.map(|last| self.cursor_at(*last, order));
        PageOf { items: few[start..end].to_vec(), total, hidden: 0, next }
    }

    fn is_beyond(&self, member: u32, order: MemberOrder, cursor: &Cursor) -> bool {
        let key = match cursor {
            Cursor::Ordinal(ordinal) => (Arc::from(""), *ordinal),
            Cursor::Nickname(name, ordinal) => (Arc::from(name.as_str()), *ordinal),
        };
        match order {
            MemberOrder::CreatedAscending => member > key.1,
            MemberOrder::CreatedDescending => member < key.1,
            MemberOrder::NicknameAscending => self.name_key(member) > key,
            MemberOrder::NicknameDescending => self.name_key(member) < key,
        }
    }

    /// All members in an order, beyond a cursor. Members without a nickname stand at the end where
    /// nicknames ascend or descend.
    fn in_order<'a>(
        &'a self,
        order: MemberOrder,
        after: Option<&Cursor>,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        let len = self.directory.len() as u32;
        let name = after.and_then(|cursor| match cursor {
            Cursor::Nickname(name, ordinal) => Some((Arc::<str>::from(name.as_str()), *ordinal)),
            Cursor::Ordinal(_) => None,
        });
        let ordinal = after.and_then(|cursor| match cursor {
            Cursor::Ordinal(ordinal) => Some(*ordinal),
            Cursor::Nickname(..) => None,
        });
        let nameless = move || {
            let first = ordinal.map_or(0, |ordinal| ordinal.saturating_add(1));
            (first..len).filter(|member| self.directory.row(*member).nickname.is_none())
        };
        match (order, ordinal) {
            (MemberOrder::CreatedAscending, after) => Box::new(after.map_or(0, |o| o + 1)..len),
            (MemberOrder::CreatedDescending, after) => {
                Box::new((0..after.unwrap_or(len).min(len)).rev())
            }
            (MemberOrder::NicknameAscending | MemberOrder::NicknameDescending, Some(_)) => {
                Box::new(nameless())
            }
            (MemberOrder::NicknameAscending, None) => {
                Box::new(self.directory.by_nickname_after(name.as_ref()).chain(nameless()))
            }
            (MemberOrder::NicknameDescending, None) => {
                Box::new(self.directory.by_nickname_before(name.as_ref()).chain(nameless()))
            }
        }
    }

    fn cursor_at(&self, member: u32, order: MemberOrder) -> Cursor {
        let name = self.directory.row(member).nickname.as_deref();
        match (order, name) {
            (MemberOrder::NicknameAscending | MemberOrder::NicknameDescending, Some(name)) => {
                Cursor::Nickname(name.to_owned(), member)
            }
            (MemberOrder::NicknameAscending | MemberOrder::NicknameDescending, None)
            | (MemberOrder::CreatedAscending | MemberOrder::CreatedDescending, _) => {
                Cursor::Ordinal(member)
            }
        }
    }
}
