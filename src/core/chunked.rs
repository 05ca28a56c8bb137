//! A growing array whose elements never move: growth never copies, so no turn pays for it.

const CHUNK: usize = 4_096;

/// Dense elements by `u32` position, kept in chunks of equal size.
#[derive(Debug)]
pub struct Chunked<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Chunked { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Chunked<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn push(&mut self, value: T) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks[self.len / CHUNK].push(value);
        self.len += 1;
    }

    #[inline]
    pub fn get(&self, position: u32) -> Option<&T> {
        let position = position as usize;
        self.chunks.get(position / CHUNK)?.get(position % CHUNK)
    }

    #[inline]
    pub fn get_mut(&mut self, position: u32) -> Option<&mut T> {
        let position = position as usize;
        self.chunks.get_mut(position / CHUNK)?.get_mut(position % CHUNK)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

impl<T> std::ops::Index<u32> for Chunked<T> {
    type Output = T;
    #[inline]
    fn index(&self, position: u32) -> &T {
        &self.chunks[position as usize / CHUNK][position as usize % CHUNK]
    }
}

impl<T> std::ops::IndexMut<u32> for Chunked<T> {
    #[inline]
    fn index_mut(&mut self, position: u32) -> &mut T {
        &mut self.chunks[position as usize / CHUNK][position as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_position_over_chunk_borders() {
        let mut array = Chunked::default();
        for value in 0..10_000u32 {
            array.push(value * 3);
        }
        assert_eq!(array.len(), 10_000);
        assert_eq!(array[4_095], 12_285);
        assert_eq!(array[4_096], 12_288);
        assert_eq!(array.get(10_000), None);
        assert_eq!(array.iter().copied().max(), Some(29_997));
    }
}
