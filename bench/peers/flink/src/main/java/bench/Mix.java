package bench;

/**
 * Mix - the numbers that every program of the comparison must agree on: splitmix64 (base/rng.h) and
 * the checksum of a stream of records (operators/record_checksum.h), for the two records there are:
 * (word, count) and (number, sum). Pure.
 */
final class Mix {
	static final long SEED = 0x7363657272696577L; // "weirrecs", little-endian

	private Mix() {}

	static long splitmix64(long x) {
		x += 0x9E3779B97F4A7C15L;
		x = (x ^ (x >>> 30)) * 0xBF58476D1CE4E5B9L;
		x = (x ^ (x >>> 27)) * 0x94D049BB133111EBL;
		return x ^ (x >>> 31);
	}

	/** lo ^ hi of the unsigned 128-bit product (Math.unsignedMultiplyHigh is of Java 18). */
	private static long mul(long a, long b) {
		long high = Math.multiplyHigh(a, b) + ((a >> 63) & b) + ((b >> 63) & a);
		return (a * b) ^ high;
	}

	static long fold(long key) {
		long a = key ^ 0x2D358DCCAA6C78A5L, b = 0x8BB84B93962EACC9L;
		long high = Math.multiplyHigh(a, b) + ((a >> 63) & b) + ((b >> 63) & a);
		return mul((a * b) ^ 0x2D358DCCAA6C78A5L, high ^ 0x4B33A62ED433D4A3L);
	}

	static long ofNumber(long key) {
		return fold(SEED ^ key);
	}

	/** What a record adds: the key's part (ofNumber, ofWord) and its count or sum. */
	static long ofRecord(long keyPart, long value) {
		return fold(keyPart ^ value);
	}

	/** The word's bytes [from, from + n) as a little-endian number, n <= 8. */
	private static long load(String word, int from, int n) {
		long w = 0;
		for (int i = 0; i < n; i++)
			w |= (long) word.charAt(from + i) << (8 * i);
		return w;
	}

	/** A word of 1 to 16 ASCII bytes, as the benchmark's text has them. */
	static long ofWord(String word) {
		int n = word.length();
		if (n <= 12) {
			long w0 = n | load(word, 0, Math.min(n, 4)) << 32;
			long w1 = n <= 4 ? 0 : load(word, 4, n - 4);
			return fold(SEED ^ mul(w0 ^ 0x9E3779B97F4A7C15L, w1 ^ 0xD6E8FEB86659FD93L));
		}
		if (n > 16)
			throw new IllegalArgumentException("a word of more than 16 bytes: " + word);
		return fold(SEED ^ xxh3Of9To16(load(word, 0, 8), load(word, n - 8, 8), n));
	}

	/** XXH3_64bits of 9 to 16 bytes, seed 0: its first and last 8 bytes. */
	private static long xxh3Of9To16(long first, long last, int n) {
		long lo = first ^ 0x6782737BEA4239B9L;
		long hi = last ^ 0xAF56BC3B0996523AL;
		long h = n + Long.reverseBytes(lo) + hi + mul(lo, hi);
		h ^= h >>> 37;
		h *= 0x165667919E3779F9L;
		return h ^ (h >>> 32);
	}
}
