//! mix.rs - the numbers that every program of the comparison must agree on: splitmix64
//! (base/rng.h) and the checksum of a stream of records (operators/record_checksum.h). Pure.

const SEED: u64 = 0x7363657272696577; // "weirrecs", little-endian

pub fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E3779B97F4A7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D049BB133111EB);
    x ^ (x >> 31)
}

/// lo ^ hi of the 128-bit product.
#[inline(always)]
pub fn mul(a: u64, b: u64) -> u64 {
    let m = a as u128 * b as u128;
    m as u64 ^ (m >> 64) as u64
}

#[inline(always)]
fn fold(key: u64) -> u64 {
    let m = (key ^ 0x2D358DCCAA6C78A5) as u128 * 0x8BB84B93962EACC9u128;
    mul(m as u64 ^ 0x2D358DCCAA6C78A5, (m >> 64) as u64 ^ 0x4B33A62ED433D4A3)
}

/// The part of a record's checksum that its key makes.
#[inline(always)]
pub fn of_number(key: u64) -> u64 {
    fold(SEED ^ key)
}

/// What a record adds to the stream's checksum.
#[inline(always)]
pub fn of_record(key_part: u64, value: u64) -> u64 {
    fold(key_part ^ value)
}

/// A word of 1 to 16 bytes given as two little-endian numbers with zeros behind its end.
#[inline(always)]
pub fn of_word(lo: u64, hi: u64, len: u32) -> u64 {
    if len <= 12 {
        let w0 = len as u64 | lo << 32;
        let w1 = lo >> 32 | hi << 32;
        return fold(SEED ^ mul(w0 ^ 0x9E3779B97F4A7C15, w1 ^ 0xD6E8FEB86659FD93));
    }
    let cut = 8 * (16 - len); // the last 8 bytes begin before hi
    let last = if cut == 0 { hi } else { hi << cut | lo >> (64 - cut) };
    fold(SEED ^ xxh3_of_9_to_16(lo, last, len))
}

/// XXH3_64bits of 9 to 16 bytes, seed 0: its first and last 8 bytes.
fn xxh3_of_9_to_16(first: u64, last: u64, len: u32) -> u64 {
    let lo = first ^ 0x6782737BEA4239B9;
    let hi = last ^ 0xAF56BC3B0996523A;
    let h = (len as u64)
        .wrapping_add(lo.swap_bytes())
        .wrapping_add(hi)
        .wrapping_add(mul(lo, hi));
    let h = (h ^ (h >> 37)).wrapping_mul(0x165667919E3779F9);
    h ^ (h >> 32)
}
