//! In which order a batch is inserted, so that the database's pages end up full. A page of sled
//! holds at most 16 entries and splits 9 to 8, so that ascending inserts leave pages of 9; memory
//! goes by the number of pages. Inserting 9 of every 16 first and the other 7 into the gaps leaves
//! pages of 16 without another split.

use super::key::Key;

const PAGE_ENTRIES: usize = 16;
const FIRST_OF_PAGE: usize = 9;
/// Full pages of large values would cost more than they save.
const VALUE_BYTES_MEAN_MAX: usize = 1_024;

/// The indexes of a batch in the order of insertion. Only strictly ascending keys are reordered:
/// of equal ones the last has to win.
pub(super) fn filling_order(entries: &[(Key, Vec<u8>)]) -> Vec<usize> {
    let all = 0..entries.len();
    let bytes: usize = entries.iter().map(|(_, payload)| payload.len()).sum();
    let are_small = bytes <= entries.len() * VALUE_BYTES_MEAN_MAX;
    let ascend = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if !are_small || !ascend {
        return all.collect();
    }
    let (mut order, gaps): (Vec<_>, Vec<_>) = all.partition(|index| comes_first(*index));
    order.extend(gaps);
    order
}

/// True for 9 of every 16, evenly spread.
fn comes_first(index: usize) -> bool {
    index * FIRST_OF_PAGE % PAGE_ENTRIES < FIRST_OF_PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(numbers: impl Iterator<Item = u64>, bytes: usize) -> Vec<(Key, Vec<u8>)> {
        numbers.map(|number| (Key::new(1, number, 0), vec![0; bytes])).collect()
    }

    #[test]
    fn every_index_comes_once_and_nine_of_sixteen_first() {
        let mut order = filling_order(&batch(0..160, 10));
        assert!(order[..90].is_sorted() && order[90..].is_sorted());
        order.sort();
        assert_eq!(order, (0..160).collect::<Vec<_>>());
    }

    #[test]
    fn repeated_keys_and_large_values_keep_their_order() {
        let plain: Vec<usize> = (0..100).collect();
        let repeated = batch((0..100).map(|number| number / 2), 10);
        assert_eq!(filling_order(&repeated), plain);
        assert_eq!(filling_order(&batch(0..100, 5_000)), plain);
    }
}
