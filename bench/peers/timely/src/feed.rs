//! feed.rs - what the workers read: words of a text in the page cache, generated numbers.
//! Both come in numbered blocks, so that what was read can be told in one number a worker.

use crate::mix::splitmix64;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A word of up to 16 bytes as two little-endian numbers, zeros behind its end.
pub type Inline = [u64; 2];

pub trait Feed<R> {
    /// Gives the next `n` or fewer rows of `block` to `out`; false at its end.
    fn emit(&mut self, block: u64, n: usize, out: &mut Vec<R>) -> bool;
}

pub trait Word {
    /// From the 16 bytes at its begin (what is behind its end is already zero), and its bytes.
    fn of(inline: Inline, bytes: &[u8]) -> Self;
}

impl Word for Inline {
    #[inline(always)]
    fn of(inline: Inline, _: &[u8]) -> Self {
        inline
    }
}

impl Word for String {
    #[inline(always)]
    fn of(_: Inline, bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).expect("the text is ASCII").to_owned()
    }
}

/// The text, over and over. Block b is piece b % PIECES of it: the lines that begin in
/// [size * piece / PIECES, size * (piece + 1) / PIECES).
pub struct Words {
    file: File,
    size: u64,
    piece: Vec<u8>, // and PAD zeros
    loaded: u64,
    at: usize,
}

const PIECES: u64 = 64;
const LINE_MAX: usize = 1 << 16;
const PAD: usize = 24; // what the last word's loads may touch

impl Words {
    pub fn open(path: &str) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Words { file, size, piece: Vec::new(), loaded: u64::MAX, at: 0 })
    }

    /// The first line that begins at or after `at`.
    fn line_from(&self, at: u64) -> u64 {
        if at == 0 {
            return 0;
        }
        let mut some = vec![0; LINE_MAX];
        let n = self.file.read_at(&mut some, at - 1).expect("cannot read the text");
        let end = some[..n].iter().position(|&b| b == b'\n');
        at + end.expect("a line that is too long, or a last one cut short") as u64
    }

    fn load(&mut self, block: u64) {
        let n = block % PIECES;
        let from = self.line_from(self.size * n / PIECES);
        let to = self.line_from(self.size * (n + 1) / PIECES);
        let len = (to - from) as usize;
        self.piece.clear();
        self.piece.resize(len + PAD, 0);
        self.file.read_exact_at(&mut self.piece[..len], from).expect("cannot read the text");
        self.loaded = block;
        self.at = 0;
    }
}

fn load_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// How many of the 8 bytes are in front of the first that is no more than a space.
#[inline(always)]
fn letters(x: u64) -> u32 {
    let low = x.wrapping_sub(0x2121212121212121) & !x & 0x8080808080808080;
    low.trailing_zeros() / 8
}

#[inline(always)]
fn first(x: u64, n: u32) -> u64 {
    if n >= 8 { x } else { x & ((1 << (8 * n)) - 1) }
}

impl<W: Word> Feed<W> for Words {
    fn emit(&mut self, block: u64, n: usize, out: &mut Vec<W>) -> bool {
        if self.loaded != block {
            self.load(block);
        }
        let end = self.piece.len() - PAD;
        let mut at = self.at;
        while out.len() < n && at < end {
            let lo = load_u64(&self.piece, at);
            let mut len = letters(lo);
            let mut hi = 0;
            if len == 8 {
                hi = load_u64(&self.piece, at + 8);
                len += letters(hi);
                assert!(len < 16 || self.piece[at + 16] <= b' ', "a word of more than 16 bytes");
                hi = first(hi, len - 8);
            }
            if len > 0 {
                out.push(W::of([first(lo, len), hi], &self.piece[at..at + len as usize]));
            }
            at += len as usize + 1;
        }
        self.at = at;
        if at >= end {
            self.loaded = u64::MAX; // the next block may be this piece again
        }
        at < end
    }
}

/// Rows (splitmix64(i) % keys, i % 256), i = 0, 1, ...
pub struct Numbers {
    keys: u64,
    at: u64,
}

const ROWS: u64 = 1 << 16; // of a block

impl Numbers {
    pub fn new(keys: u64) -> Self {
        Numbers { keys, at: 0 }
    }

    /// With the number of keys known to the compiler, so that it multiplies instead of dividing.
    #[inline(always)]
    fn fill(&mut self, block: u64, keys: u64, n: u64, out: &mut Vec<(u64, u64)>) {
        let from = block * ROWS + self.at;
        out.extend((from..from + n).map(|i| (splitmix64(i) % keys, i % 256)));
        self.at = (self.at + n) % ROWS;
    }
}

impl Feed<(u64, u64)> for Numbers {
    fn emit(&mut self, block: u64, n: usize, out: &mut Vec<(u64, u64)>) -> bool {
        let n = (n as u64).min(ROWS - self.at);
        match self.keys {
            1_000_000 => self.fill(block, 1_000_000, n, out),
            keys => self.fill(block, keys, n, out),
        }
        self.at != 0
    }
}
