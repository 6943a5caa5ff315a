//! Masking, RFC 6455 §5.3: octet `i` of the payload is XORed with octet `i mod 4` of the masking
//! key. Masking and unmasking are the same operation.

use alloc::vec::Vec;
use core::cell::Cell;
use core::slice;

/// A masking key together with how far into the payload it stands, so that a payload can be
/// masked piece by piece.
///
/// ```
/// use websans::mask::Mask;
///
/// let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58]; // RFC 6455 §5.7: a masked "Hello"
/// let mut mask = Mask::new([0x37, 0xfa, 0x21, 0x3d]);
/// mask.apply(&mut payload[..3]);
/// mask.apply(&mut payload[3..]);
/// assert_eq!(&payload, b"Hello");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// The four key octets in memory order, rotated so that the next one to use is first.
    key: u32,
}

impl Mask {
    /// The mask that changes nothing: how the payload of an unmasked frame is read.
    pub const NONE: Self = Self { key: 0 };

    /// The mask for a payload from its first octet on.
    #[must_use]
    #[inline]
    pub const fn new(masking_key: [u8; 4]) -> Self {
        Self { key: u32::from_ne_bytes(masking_key) }
    }

    /// XORs the next `payload.len()` octets of the payload in place.
    #[inline]
    pub fn apply(&mut self, payload: &mut [u8]) {
        self.apply_whole(payload);
        self.advance(payload.len());
    }

    /// [`apply`](Self::apply) to a payload that is all there.
    #[inline]
    pub(crate) fn apply_whole(self, payload: &mut [u8]) {
        if self.key != 0 {
            xor::<false>(payload, self.key);
        }
    }

    /// Appends a whole payload, XORed on the way.
    #[inline]
    pub(crate) fn append(self, payload: &[u8], to: &mut Vec<u8>) {
        if payload.len() < 3 * BLOCK {
            let at = to.len();
            to.extend_from_slice(payload);
            self.apply_whole(to.get_mut(at..).unwrap_or_default());
        } else {
            append(payload, self.key, to);
        }
    }

    /// [`apply`](Self::apply), and whether all octets are ASCII afterwards: text needs both, and
    /// one pass over memory is cheaper than two.
    #[inline]
    pub fn apply_and_test_ascii(&mut self, payload: &mut [u8]) -> bool {
        let ascii = self.apply_whole_and_test_ascii(payload);
        self.advance(payload.len());
        ascii
    }

    /// [`apply_and_test_ascii`](Self::apply_and_test_ascii) for a payload that is all there.
    #[inline]
    pub(crate) fn apply_whole_and_test_ascii(self, payload: &mut [u8]) -> bool {
        xor::<true>(payload, self.key)
    }

    /// [`apply`](Self::apply) to the next octets of the payload, of which the first stands at
    /// `window[distance]`: they are moved to the front of the window on the way, and what is left
    /// behind them is of no meaning. With `ASCII`, tells whether they are ASCII then.
    #[inline]
    pub(crate) fn apply_and_move<const ASCII: bool>(
        &mut self,
        window: &mut [u8],
        distance: usize,
    ) -> bool {
        let len = window.len().saturating_sub(distance);
        let ascii = if len < BLOCK {
            window.copy_within(distance.min(window.len()).., 0);
            xor::<ASCII>(window.get_mut(..len).unwrap_or_default(), self.key)
        } else {
            xor_moved::<ASCII>(window, distance, self.key)
        };
        self.advance(len);
        ascii
    }

    /// Passes over `n` octets of the payload.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.key = rotated(self.key, n);
    }
}

/// From this length on wider registers and aligned stores win back what it costs to set them up.
const WIDE: usize = 256;

/// The widest register that is counted on, in octets.
const BLOCK: usize = 32;

/// How much is masked before it is looked at once more.
const TILE: usize = 512;

/// What no octet of ASCII has.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// XORs `bytes` with the repeated key; with `ASCII`, tells whether the result is ASCII.
#[inline]
fn xor<const ASCII: bool>(bytes: &mut [u8], key: u32) -> bool {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= WIDE && has_avx2() {
        #[allow(unsafe_code)]
        // SAFETY: `xor_avx2` is a safe function but for the instructions that it may use, and
        // `has_avx2` has just said that this processor has them.
        return unsafe { xor_avx2::<ASCII>(bytes, key) };
    }
    xor_portable::<ASCII>(bytes, key)
}

/// Moves `window[distance..]`, at least a block, to the front, XORed with the repeated key; with
/// `ASCII`, tells whether the result is ASCII.
#[inline]
fn xor_moved<const ASCII: bool>(window: &mut [u8], distance: usize, key: u32) -> bool {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        #[allow(unsafe_code)]
        // SAFETY: as in `xor`.
        return unsafe { xor_moved_avx2::<ASCII>(window, distance, key) };
    }
    xor_moved_portable::<ASCII>(window, distance, key)
}

/// Appends `bytes` XORed with the repeated key.
fn append(bytes: &[u8], key: u32, to: &mut Vec<u8>) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        #[allow(unsafe_code)]
        // SAFETY: as in `xor`.
        return unsafe { append_avx2(bytes, key, to) };
    }
    append_portable(bytes, key, to);
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx2() -> bool {
    #[cfg(feature = "std")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(feature = "std"))]
    return cfg!(target_feature = "avx2");
}

/// [`xor_portable`], compiled for 32-byte registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn xor_avx2<const ASCII: bool>(bytes: &mut [u8], key: u32) -> bool {
    xor_portable::<ASCII>(bytes, key)
}

/// [`xor_moved_portable`], compiled for 32-byte registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn xor_moved_avx2<const ASCII: bool>(window: &mut [u8], distance: usize, key: u32) -> bool {
    xor_moved_portable::<ASCII>(window, distance, key)
}

/// [`append_portable`], compiled for 32-byte registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn append_avx2(bytes: &[u8], key: u32, to: &mut Vec<u8>) {
    append_portable(bytes, key, to);
}

/// Appends at least a block, and writes most of it in aligned blocks, as [`xor_aligned`] does. They
/// are of one length each, for which the check for room is short.
#[inline(always)]
#[allow(clippy::inline_always)] // or `append_avx2` would call the narrow version
fn append_portable(bytes: &[u8], key: u32, to: &mut Vec<u8>) {
    let (at, len) = (to.len(), bytes.len());
    let offset = to.spare_capacity_mut().as_ptr().align_offset(BLOCK).min(BLOCK);
    if let Some(start) = bytes.first_chunk() {
        to.extend_from_slice(&xor_block::<BLOCK, 4>(start, key));
        to.truncate(at + offset);
    }
    let rest = bytes.get(offset..).unwrap_or_default();
    let (fours, rest) = rest.as_chunks::<{ 4 * BLOCK }>();
    let aligned_key = rotated(key, offset);
    for four in fours {
        to.extend_from_slice(&xor_block::<{ 4 * BLOCK }, 16>(four, aligned_key));
    }
    for one in rest.as_chunks().0 {
        to.extend_from_slice(&xor_block::<BLOCK, 4>(one, aligned_key));
    }
    if let Some(end) = bytes.last_chunk() {
        to.truncate(at + len - BLOCK);
        to.extend_from_slice(&xor_block::<BLOCK, 4>(end, rotated(key, len)));
    }
}

/// [`xor_blocks`] on the way to the front, and then the test. A block is read before it is written,
/// and nothing is written that is read later; the end is read first and written last. The two
/// places overlap, as cells may and references may not.
#[inline(always)]
#[allow(clippy::inline_always)] // or `xor_moved_avx2` would call the narrow version
fn xor_moved_portable<const ASCII: bool>(window: &mut [u8], distance: usize, key: u32) -> bool {
    let len = window.len().saturating_sub(distance);
    let mut end = window.last_chunk().copied().unwrap_or([0; BLOCK]);
    let at_end = xor_blocks::<ASCII, BLOCK, 4>(slice::from_mut(&mut end), rotated(key, len));
    let wide = twice(key);
    let cells = Cell::from_mut(window).as_slice_of_cells();
    let from = blocks(cells.get(distance..).unwrap_or_default());
    for (from, to) in from.iter().zip(blocks(cells)) {
        let octets = from.each_ref().map(|word| word.each_ref().map(Cell::get));
        let plain = octets.map(|word| u64::from_ne_bytes(word) ^ wide);
        for (to, word) in to.iter().zip(plain) {
            to.iter().zip(word.to_ne_bytes()).for_each(|(to, octet)| to.set(octet));
        }
    }
    let plain = window.get_mut(..len).unwrap_or_default();
    let words = plain.as_chunks::<BLOCK>().0.as_flattened().as_chunks().0;
    let seen = if ASCII {
        words.iter().fold(at_end, |seen, word| seen | u64::from_ne_bytes(*word))
    } else {
        at_end
    };
    if let Some(place) = plain.last_chunk_mut() {
        *place = end;
    }
    seen & HIGH_BITS == 0
}

/// The whole blocks, as words.
fn blocks(cells: &[Cell<u8>]) -> &[[[Cell<u8>; 8]; BLOCK / 8]] {
    cells.as_chunks().0.as_chunks().0
}

/// The one body: whole blocks, written so that the compiler makes vector instructions of them of
/// whatever width it may use, and an end that overlaps them.
#[inline(always)]
#[allow(clippy::inline_always)] // or `xor_avx2` would call the narrow version
fn xor_portable<const ASCII: bool>(bytes: &mut [u8], key: u32) -> bool {
    let seen = match bytes.len() {
        WIDE.. => xor_aligned::<ASCII>(bytes, key),
        32.. => xor_with_end::<ASCII, 32, 4>(bytes, key),
        16.. => xor_with_end::<ASCII, 16, 2>(bytes, key),
        8.. => xor_with_end::<ASCII, 8, 1>(bytes, key),
        _ => bytes.iter_mut().zip(twice(key).to_ne_bytes()).fold(0, |seen, (octet, key)| {
            *octet ^= key;
            seen | u64::from(*octet)
        }),
    };
    seen & HIGH_BITS == 0
}

/// XORs at least 64 octets, and writes most of them in whole, aligned blocks: a store that crosses
/// a cache line costs two. What begins or ends within a block is read before and written after.
#[inline(always)]
#[allow(clippy::inline_always)] // or `xor_avx2` would call the narrow version
fn xor_aligned<const ASCII: bool>(bytes: &mut [u8], key: u32) -> u64 {
    let mut start = bytes.first_chunk().copied().unwrap_or([0; BLOCK]);
    let at_start = xor_blocks::<ASCII, BLOCK, 4>(slice::from_mut(&mut start), key);
    let offset = bytes.as_ptr().align_offset(BLOCK).min(BLOCK);
    let aligned = bytes.get_mut(offset..).unwrap_or_default();
    let rest = xor_with_end::<ASCII, BLOCK, 4>(aligned, rotated(key, offset));
    if let Some(place) = bytes.first_chunk_mut() {
        *place = start;
    }
    at_start | rest
}

/// XORs at least `BLOCK` octets. The last block is read before the others are written, and written
/// after, so that octets in both are changed once.
#[inline(always)]
#[allow(clippy::inline_always)] // or `xor_avx2` would call the narrow version
fn xor_with_end<const ASCII: bool, const BLOCK: usize, const WORDS: usize>(
    bytes: &mut [u8],
    key: u32,
) -> u64 {
    let len = bytes.len();
    let mut end = bytes.last_chunk().copied().unwrap_or([0; BLOCK]);
    let at_end = xor_blocks::<ASCII, BLOCK, WORDS>(slice::from_mut(&mut end), rotated(key, len));
    let blocks = bytes.as_chunks_mut().0;
    let before = if ASCII && len >= WIDE {
        xor_tiles::<BLOCK, WORDS>(blocks, key)
    } else {
        xor_blocks::<ASCII, BLOCK, WORDS>(blocks, key)
    };
    if let Some(place) = bytes.last_chunk_mut() {
        *place = end;
    }
    at_end | before
}

/// The key, side by side with itself.
#[inline]
const fn twice(key: u32) -> u64 {
    (key as u64) << 32 | key as u64
}

/// The key as it applies `n` octets later. Since a block is some keys long, it is also the key of
/// the last block of `n` octets.
#[inline]
#[allow(clippy::cast_possible_truncation)] // only `n mod 4` matters
const fn rotated(key: u32, n: usize) -> u32 {
    let bits = 8 * (n as u32 & 3);
    if cfg!(target_endian = "big") { key.rotate_left(bits) } else { key.rotate_right(bits) }
}

/// XORs blocks of `BLOCK` octets, each `WORDS` words; with `ASCII`, the union of the results.
#[inline(always)]
#[allow(clippy::inline_always)] // or `xor_avx2` would call the narrow version
fn xor_blocks<const ASCII: bool, const BLOCK: usize, const WORDS: usize>(
    blocks: &mut [[u8; BLOCK]],
    key: u32,
) -> u64 {
    let key = twice(key);
    let mut seen = [0; WORDS];
    for block in blocks {
        for (word, seen) in block.as_chunks_mut::<8>().0.iter_mut().zip(&mut seen) {
            let plain = u64::from_ne_bytes(*word) ^ key;
            if ASCII {
                *seen |= plain;
            }
            *word = plain.to_ne_bytes();
        }
    }
    seen.iter().fold(0, |all, word| all | word)
}

/// A block XORed with the repeated key.
#[inline(always)]
#[allow(clippy::inline_always)] // as above
fn xor_block<const BLOCK: usize, const WORDS: usize>(block: &[u8; BLOCK], key: u32) -> [u8; BLOCK] {
    let mut block = *block;
    xor_blocks::<false, BLOCK, WORDS>(slice::from_mut(&mut block), key);
    block
}

/// [`xor_blocks`] for many, with the union made of what has just been written: one loop for both
/// is compiled to a shuffle of registers.
#[inline(always)]
#[allow(clippy::inline_always)] // or `xor_avx2` would call the narrow version
fn xor_tiles<const BLOCK: usize, const WORDS: usize>(blocks: &mut [[u8; BLOCK]], key: u32) -> u64 {
    let mut seen = 0;
    for tile in blocks.chunks_mut(TILE / BLOCK) {
        xor_blocks::<false, BLOCK, WORDS>(tile, key);
        if seen & HIGH_BITS == 0 {
            let words = tile.as_flattened().as_chunks::<8>().0;
            seen = words.iter().fold(seen, |seen, word| seen | u64::from_ne_bytes(*word));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn naive(bytes: &mut [u8], key: [u8; 4], phase: usize) {
        for (i, octet) in bytes.iter_mut().enumerate() {
            *octet ^= key[(phase + i) % 4];
        }
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    type Xor = fn(&mut [u8], u32) -> bool;
    type Append = fn(&[u8], u32, &mut Vec<u8>);
    type Move = fn(&mut [u8], usize, u32) -> bool;

    /// Every body that this machine can run, each by itself.
    fn bodies() -> Vec<(Xor, Xor)> {
        #[allow(unused_mut)] // on other machines there is no third
        let mut all: Vec<(Xor, Xor)> =
            alloc::vec![(xor::<false>, xor::<true>), (xor_portable::<false>, xor_portable::<true>)];
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            #[allow(unsafe_code)]
            all.push((
                // SAFETY: `has_avx2` has just said that this processor has the instructions.
                |bytes, key| unsafe { xor_avx2::<false>(bytes, key) },
                // SAFETY: as above.
                |bytes, key| unsafe { xor_avx2::<true>(bytes, key) },
            ));
        }
        all
    }

    #[test]
    fn every_body_agrees_with_the_naive_loop_at_every_length_and_alignment() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for (plain, ascii) in bodies() {
            for len in (0..700).chain([4095, 4096, 4097, 65_537]) {
                for start in [0, 1, 3, 7, 13, 31] {
                    let bytes = sample(len + start);
                    let mut expected = bytes.clone();
                    naive(&mut expected[start..], key, 0);
                    let mut got = bytes.clone();
                    plain(&mut got[start..], u32::from_ne_bytes(key));
                    assert_eq!(got, expected, "len {len} start {start}");
                    let mut got = bytes;
                    let is_ascii = ascii(&mut got[start..], u32::from_ne_bytes(key));
                    assert_eq!(got, expected, "len {len} start {start}");
                    assert_eq!(is_ascii, expected[start..].is_ascii());
                }
            }
        }
    }

    #[test]
    fn what_is_appended_agrees_with_the_naive_loop_in_every_body_at_every_length() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let any: Append = |bytes, key, to| Mask { key }.append(bytes, to);
        #[allow(unused_mut)] // on other machines there is no third
        let mut bodies: Vec<(Append, usize)> = alloc::vec![(any, 0), (append_portable, BLOCK)];
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            #[allow(unsafe_code)]
            // SAFETY: the processor has what it needs.
            bodies.push((|bytes, key, to| unsafe { append_avx2(bytes, key, to) }, BLOCK));
        }
        for (body, least) in bodies {
            for len in (least..1200).chain([4095, 4096, 4097, 65_537]) {
                let bytes = sample(len);
                let mut expected = bytes.clone();
                naive(&mut expected, key, 0);
                let mut got = alloc::vec![b'x'; 3];
                body(&bytes, u32::from_ne_bytes(key), &mut got);
                assert_eq!(got.split_at(3), (&b"xxx"[..], &expected[..]), "len {len}");
            }
        }
    }

    #[test]
    fn what_is_moved_agrees_with_the_naive_loop_in_every_body_at_every_length_and_distance() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let any: Move =
            |window, distance, key| Mask { key }.apply_and_move::<true>(window, distance);
        #[allow(unused_mut)] // on other machines there is no third
        let mut bodies: Vec<(Move, usize)> =
            alloc::vec![(any, 0), (xor_moved_portable::<true>, BLOCK)];
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            #[allow(unsafe_code)]
            // SAFETY: the processor has what it needs.
            bodies
                .push((|window, n, key| unsafe { xor_moved_avx2::<true>(window, n, key) }, BLOCK));
        }
        for (body, least) in bodies {
            for len in (least..700).chain([4095, 4096, 4097, 16_384]) {
                for distance in [1, 2, 6, 8, 14, 31, 32, 33, 200] {
                    let mut window = sample(len + distance);
                    if len % 2 == 0 {
                        naive(&mut window[distance..], key, 0); // so that what comes out is ASCII
                        window[distance..].iter_mut().for_each(|octet| *octet &= 0x7f);
                        naive(&mut window[distance..], key, 0);
                    }
                    let mut expected = window[distance..].to_vec();
                    naive(&mut expected, key, 0);
                    let mut before = window.clone();
                    let is_ascii = body(&mut window, distance, u32::from_ne_bytes(key));
                    assert_eq!(window[..len], expected, "len {len} distance {distance}");
                    assert_eq!(is_ascii, expected.is_ascii(), "len {len} distance {distance}");
                    Mask::new(key).apply_and_move::<false>(&mut before, distance);
                    assert_eq!(before[..len], expected, "len {len} distance {distance}");
                }
            }
        }
    }

    #[test]
    fn the_ascii_test_of_what_is_moved_finds_one_high_bit_anywhere() {
        for len in (1..100).chain([127, 128, 129, 300]) {
            for at in 0..len {
                let mut window = alloc::vec![b'a'; len + 6];
                assert!({ Mask::NONE }.apply_and_move::<true>(&mut window, 6));
                window[6 + at] = 0x80;
                assert!(
                    !{ Mask::NONE }.apply_and_move::<true>(&mut window, 6),
                    "len {len} at {at}"
                );
            }
        }
    }

    #[test]
    fn the_ascii_test_finds_one_high_bit_anywhere() {
        for (_, ascii) in bodies() {
            for len in 1..400 {
                for at in 0..len {
                    let mut bytes = alloc::vec![b'a'; len];
                    assert!(ascii(&mut bytes, 0));
                    bytes[at] = 0x80;
                    assert!(!ascii(&mut bytes, 0), "len {len} at {at}");
                }
            }
        }
    }

    #[test]
    fn the_ascii_test_finds_high_bits_that_are_everywhere() {
        for len in 1..700 {
            for (_, ascii) in bodies() {
                assert!(!ascii(&mut alloc::vec![0x80; len], 0), "len {len}");
                let mut bytes = alloc::vec![b'a'; len + 128];
                bytes[64..64 + len].fill(0x80);
                assert!(!ascii(&mut bytes, 0), "in the middle, len {len}");
            }
            let mut window = alloc::vec![0x80; len + 6];
            assert!(!{ Mask::NONE }.apply_and_move::<true>(&mut window, 6), "moved, len {len}");
        }
    }

    #[test]
    fn mask_phase_every_split_point_of_two_agrees_with_the_naive_loop() {
        let key = [1, 0x80, 0xff, 0x42];
        let bytes = sample(300);
        let mut expected = bytes.clone();
        naive(&mut expected, key, 0);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len().min(first + 9) {
                let mut got = bytes.clone();
                let mut mask = Mask::new(key);
                mask.apply(&mut got[..first]);
                mask.apply_and_test_ascii(&mut got[first..second]);
                mask.apply(&mut got[second..]);
                assert_eq!(got, expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn advance_passes_over_octets() {
        for skipped in 0..9 {
            let mut bytes = sample(50);
            let mut expected = bytes.clone();
            naive(&mut expected, [9, 8, 7, 6], skipped);
            let mut mask = Mask::new([9, 8, 7, 6]);
            mask.advance(skipped);
            mask.apply(&mut bytes);
            assert_eq!(bytes, expected);
        }
    }
}
