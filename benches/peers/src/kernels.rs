//! The machine's own speed at what a WebSocket library does to every byte.

/// Masks in place, eight bytes at a time.
pub fn xor_plain(data: &mut [u8], key: [u8; 4]) {
    let wide = u64::from_ne_bytes([key, key].concat().try_into().unwrap_or_default());
    let (words, rest) = data.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Masks in place with what this processor does best at this length.
#[inline]
pub fn xor(data: &mut [u8], key: [u8; 4]) {
    #[cfg(target_arch = "x86_64")]
    if data.len() >= 128 && has_avx2() {
        // SAFETY: AVX2 was just detected, and the length is at least 64.
        return unsafe { avx2::xor_aligned(data, key) };
    }
    xor_short(data, key);
}

#[inline]
fn xor_short(data: &mut [u8], key: [u8; 4]) {
    let half = u32::from_ne_bytes(key);
    let wide = u64::from(half) | u64::from(half) << 32;
    let (words, rest) = data.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Appends `data`, masked.
#[inline]
pub fn append_xor(out: &mut Vec<u8>, data: &[u8], key: [u8; 4]) {
    #[cfg(target_arch = "x86_64")]
    if data.len() >= 64 && has_avx2() {
        out.reserve(data.len());
        // SAFETY: AVX2 was just detected; the room was just reserved, and all of it is written
        // before the length says so.
        return unsafe {
            avx2::copy_xor(data, out.as_mut_ptr().add(out.len()), key);
            out.set_len(out.len() + data.len());
        };
    }
    let start = out.len();
    out.extend_from_slice(data);
    xor_short(&mut out[start..], key);
}

#[cfg(target_arch = "x86_64")]
pub fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
pub mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_load_si256, _mm256_loadu_si256, _mm256_set1_epi32, _mm256_store_si256,
        _mm256_storeu_si256, _mm256_xor_si256,
    };

    const LANE: usize = size_of::<__m256i>();

    #[target_feature(enable = "avx2")]
    fn key_at(key: [u8; 4], offset: usize) -> __m256i {
        let turn = (offset % 4 * 8) as u32;
        _mm256_set1_epi32(u32::from_le_bytes(key).rotate_right(turn).cast_signed())
    }

    /// Masks in place, wherever the data starts.
    #[target_feature(enable = "avx2")]
    pub fn xor(data: &mut [u8], key: [u8; 4]) {
        let wide = key_at(key, 0);
        let (lanes, rest) = data.as_chunks_mut::<LANE>();
        for lane in lanes {
            let lane: *mut __m256i = lane.as_mut_ptr().cast();
            // SAFETY: `lane` points to 32 bytes of `data`; the access needs no alignment.
            unsafe { _mm256_storeu_si256(lane, _mm256_xor_si256(_mm256_loadu_si256(lane), wide)) };
        }
        for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
    }

    /// Masks in place with aligned stores: the first and the last 32 bytes are loaded before
    /// anything is stored, and stored after everything else.
    ///
    /// # Safety
    /// `data` is at least 64 bytes long.
    #[target_feature(enable = "avx2")]
    pub unsafe fn xor_aligned(data: &mut [u8], key: [u8; 4]) {
        let (start, len) = (data.as_mut_ptr(), data.len());
        let skip = LANE - start.addr() % LANE;
        let (head, tail): (*mut __m256i, *mut __m256i) =
            // SAFETY: the caller says that 32 bytes are there at both ends.
            unsafe { (start.cast(), start.add(len - LANE).cast()) };
        // SAFETY: as above; these accesses need no alignment.
        let (first, last) = unsafe { (_mm256_loadu_si256(head), _mm256_loadu_si256(tail)) };
        let wide = key_at(key, skip);
        let lanes = (len - skip) / LANE;
        // SAFETY: `skip` is 1 to 32, so this is inside of the data and a multiple of 32; `lanes`
        // times 32 bytes from there on are inside too.
        unsafe {
            let middle: *mut __m256i = start.add(skip).cast();
            for i in 0..lanes {
                let lane = middle.add(i);
                _mm256_store_si256(lane, _mm256_xor_si256(_mm256_load_si256(lane), wide));
            }
            _mm256_storeu_si256(head, _mm256_xor_si256(first, key_at(key, 0)));
            _mm256_storeu_si256(tail, _mm256_xor_si256(last, key_at(key, len - LANE)));
        }
    }

    /// Writes `data`, masked, to `out`.
    ///
    /// # Safety
    /// `data` is at least 32 bytes long, and `out` has room for all of it.
    #[target_feature(enable = "avx2")]
    pub unsafe fn copy_xor(data: &[u8], out: *mut u8, key: [u8; 4]) {
        let (from, len, wide) = (data.as_ptr(), data.len(), key_at(key, 0));
        // SAFETY: every lane ends at or before `len`, which both sides have; the last lane may
        // overlap the one before it, and writes the same bytes there.
        unsafe {
            for i in 0..len / LANE {
                let lane = _mm256_loadu_si256(from.add(i * LANE).cast());
                _mm256_storeu_si256(out.add(i * LANE).cast(), _mm256_xor_si256(lane, wide));
            }
            let at = len - LANE;
            let lane = _mm256_loadu_si256(from.add(at).cast());
            _mm256_storeu_si256(out.add(at).cast(), _mm256_xor_si256(lane, key_at(key, at)));
        }
    }
}
