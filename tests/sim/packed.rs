//! A second reader of packed increments, written from the description of their bytes.

/// Key number, member ordinal and delta of every increment, in order.
pub fn read(packed: &[u8]) -> Vec<(u16, u32, i64)> {
    let mut bytes = packed.iter().copied();
    let mut found = Vec::new();
    while let Some(key) = number(&mut bytes) {
        let count = number(&mut bytes).expect("a group has a count");
        let is_equal = bytes.next().expect("a group has a mode") == 0;
        let equal = is_equal.then(|| signed(&mut bytes));
        for _ in 0..count {
            let member = number(&mut bytes).expect("an increment has a member");
            let delta = equal.unwrap_or_else(|| signed(&mut bytes));
            found.push((key as u16, member as u32, delta));
        }
    }
    found
}

fn signed(bytes: &mut impl Iterator<Item = u8>) -> i64 {
    let value = number(bytes).expect("an increment has a delta");
    if value.is_multiple_of(2) { (value / 2) as i64 } else { -((value / 2) as i64) - 1 }
}

fn number(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let byte = match bytes.next() {
            Some(byte) => byte,
            None if shift == 0 => return None,
            None => panic!("a number is cut short"),
        };
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return Some(value);
        }
    }
}
