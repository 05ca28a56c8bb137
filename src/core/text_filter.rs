//! Filters over lists whose fields are texts: ids as they are spelled, flags as `true` and `false`.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A condition on one entry, already typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextFilter<F> {
    All(Vec<TextFilter<F>>),
    Any(Vec<TextFilter<F>>),
    Not(Box<TextFilter<F>>),
    Test(F, Test),
}

/// What one field is asked. A field that is not there satisfies none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    IsThere,
    In(Vec<String>),
    Before(String),
    BeforeOrAt(String),
    After(String),
    AfterOrAt(String),
    /// These three without regard to case.
    StartsWith(String),
    EndsWith(String),
    Contains(String),
}

/// A field to sort by, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortBy<F> {
    pub field: F,
    pub descending: bool,
}

impl<F: Copy + PartialEq> TextFilter<F> {
    /// What every entry satisfies.
    pub fn everything() -> TextFilter<F> {
        TextFilter::All(Vec::new())
    }

    pub fn fits<'a>(&self, text: &impl Fn(F) -> Option<Cow<'a, str>>) -> bool {
        match self {
            TextFilter::All(all) => all.iter().all(|one| one.fits(text)),
            TextFilter::Any(any) => any.iter().any(|one| one.fits(text)),
            TextFilter::Not(one) => !one.fits(text),
            TextFilter::Test(field, test) => {
                text(*field).is_some_and(|value| test.holds(value.as_ref()))
            }
        }
    }

    /// The values that `field` can have at most; `None` where the filter leaves it open.
    pub fn values(&self, field: F) -> Option<Vec<&str>> {
        match self {
            TextFilter::Test(of, Test::In(values)) if *of == field => {
                Some(values.iter().map(String::as_str).collect())
            }
            TextFilter::All(all) => {
                let each = all.iter().filter_map(|one| one.values(field));
                each.reduce(|mut left, right| {
                    left.retain(|value| right.contains(value));
                    left
                })
            }
            TextFilter::Test(..) | TextFilter::Any(_) | TextFilter::Not(_) => None,
        }
    }

    /// Whether [`TextFilter::values`] of all fields say all that the filter says.
    pub fn is_values_only(&self) -> bool {
        match self {
            TextFilter::Test(_, Test::In(_)) => true,
            TextFilter::All(all) => all.iter().all(TextFilter::is_values_only),
            TextFilter::Test(..) | TextFilter::Any(_) | TextFilter::Not(_) => false,
        }
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        let low = || value.to_lowercase();
        match self {
            Test::IsThere => true,
            Test::In(values) => values.iter().any(|one| one == value),
            Test::Before(bound) => value < bound.as_str(),
            Test::BeforeOrAt(bound) => value <= bound.as_str(),
            Test::After(bound) => value > bound.as_str(),
            Test::AfterOrAt(bound) => value >= bound.as_str(),
            Test::StartsWith(part) => low().starts_with(&part.to_lowercase()),
            Test::EndsWith(part) => low().ends_with(&part.to_lowercase()),
            Test::Contains(part) => low().contains(&part.to_lowercase()),
        }
    }
}

/// Compares two entries by their fields in turn. What is not there comes first.
pub fn compare<'a, F: Copy, K>(
    order: &[SortBy<F>],
    (left, right): (K, K),
    text: &impl Fn(&K, F) -> Option<Cow<'a, str>>,
) -> Ordering {
    let each = order.iter().map(|by| {
        let found = text(&left, by.field).cmp(&text(&right, by.field));
        if by.descending { found.reverse() } else { found }
    });
    each.fold(Ordering::Equal, Ordering::then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Field {
        Name,
        Note,
    }

    fn is(field: Field, test: Test) -> TextFilter<Field> {
        TextFilter::Test(field, test)
    }

    fn check(filter: &TextFilter<Field>, name: &'static str, note: Option<&'static str>) -> bool {
        filter.fits(&|field| match field {
            Field::Name => Some(Cow::Borrowed(name)),
            Field::Note => note.map(Cow::Borrowed),
        })
    }

    #[test]
    fn tests_hold_for_what_is_there_only() {
        let text = |text: &str| text.to_owned();
        assert!(check(&is(Field::Name, Test::StartsWith(text("GO"))), "Gold", None));
        assert!(check(&is(Field::Name, Test::EndsWith(text("lD"))), "Gold", None));
        assert!(check(&is(Field::Name, Test::Contains(text("OL"))), "Gold", None));
        assert!(!check(&is(Field::Name, Test::In(vec![text("gold")])), "Gold", None));
        assert!(check(&is(Field::Name, Test::After(text("Go"))), "Gold", None));
        assert!(!check(&is(Field::Name, Test::After(text("Gold"))), "Gold", None));
        assert!(check(&is(Field::Name, Test::AfterOrAt(text("Gold"))), "Gold", None));
        assert!(!check(&is(Field::Name, Test::Before(text("Gold"))), "Gold", None));
        assert!(check(&is(Field::Name, Test::BeforeOrAt(text("Gold"))), "Gold", None));
        let note = is(Field::Note, Test::Before(text("z")));
        assert!(check(&note, "", Some("a")) && !check(&note, "", None));
        let no_note = TextFilter::Not(Box::new(is(Field::Note, Test::IsThere)));
        assert!(check(&no_note, "", None) && !check(&no_note, "", Some("")));
        assert!(!check(&TextFilter::Any(Vec::new()), "", None));
        assert!(check(&TextFilter::everything(), "", None));
    }

    #[test]
    fn values_are_what_all_conditions_leave() {
        let among = |values: &[&str]| {
            is(Field::Name, Test::In(values.iter().map(|one| (*one).to_owned()).collect()))
        };
        let both = TextFilter::All(vec![among(&["a", "b"]), among(&["b", "c"])]);
        assert_eq!(both.values(Field::Name), Some(vec!["b"]));
        assert_eq!(both.values(Field::Note), None);
        assert!(both.is_values_only());
        let either = TextFilter::Any(vec![among(&["a"]), among(&["b"])]);
        assert_eq!(either.values(Field::Name), None);
        assert!(!either.is_values_only());
    }

    #[test]
    fn entries_are_compared_field_by_field() {
        let by = |field, descending| SortBy { field, descending };
        let text = |entry: &(&'static str, Option<&'static str>), field| match field {
            Field::Name => Some(Cow::Borrowed(entry.0)),
            Field::Note => entry.1.map(Cow::Borrowed),
        };
        let order = [by(Field::Note, false), by(Field::Name, true)];
        let pair = (("a", None), ("a", Some("x")));
        assert_eq!(compare(&order, pair, &text), Ordering::Less);
        assert_eq!(compare(&order, (("a", None), ("b", None)), &text), Ordering::Greater);
        assert_eq!(compare(&order[..0], (("a", None), ("b", None)), &text), Ordering::Equal);
    }
}
