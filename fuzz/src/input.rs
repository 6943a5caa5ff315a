//! How the fuzzer's bytes are read, and how bytes are cut into reads.

/// The fuzzer's bytes from front to back. Where they have ended, there are zeros.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// Whether all has been read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// Two bytes.
    pub fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// One bit of a byte of flags.
    pub fn flags(&mut self) -> [bool; 8] {
        let byte = self.byte();
        std::array::from_fn(|bit| byte >> bit & 1 == 1)
    }

    /// The next `n` bytes, or as many as there are.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// The bytes up to the next zero, which is consumed, too.
    pub fn line(&mut self) -> &'a [u8] {
        let len = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        let line = self.take(len);
        self.byte();
        line
    }

    /// All the rest.
    pub fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }
}

/// Cuts bytes as `seed` says: 0 not at all, 1–7 into so many bytes each, others at random.
#[derive(Clone, Debug)]
pub struct Cuts<'a> {
    rest: &'a [u8],
    seed: u8,
    state: u32,
}

impl<'a> Cuts<'a> {
    /// The chunks of `bytes`, in order, none of them empty.
    pub fn new(bytes: &'a [u8], seed: u8) -> Self {
        Self { rest: bytes, seed, state: u32::from(seed) }
    }
}

impl<'a> Iterator for Cuts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let len = match self.seed {
            0 => self.rest.len(),
            seed @ 1..=7 => usize::from(seed),
            _ => {
                // xorshift; mostly short chunks, and long ones at times.
                self.state ^= self.state << 13;
                self.state ^= self.state >> 17;
                self.state ^= self.state << 5;
                1 + (self.state >> 8) as usize % [3, 10, 40, 300][self.state as usize & 3]
            }
        };
        let (chunk, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        Some(chunk)
    }
}
