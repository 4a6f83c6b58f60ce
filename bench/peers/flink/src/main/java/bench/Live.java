package bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Live - what the job and the main thread tell each other: all run in one JVM, so plain statics do.
 * Tallies are written by one task each and read by the main thread.
 */
final class Live {
	/** Sources end at their next border of a block. */
	static volatile boolean stop;
	/** Latencies count only while this is set. */
	static volatile boolean measuring;

	private static final List<Tally> tallies = new ArrayList<>();
	private static final Map<Integer, Long> blocks = new TreeMap<>();
	private static long stateSum;

	private Live() {}

	/** Of one sink. records is published every so often, the rest when it closes. */
	static final class Tally {
		final AtomicLong records = new AtomicLong();
		long checksum;
		/** Since a row was due: a source that was held up shows. And since it was made. */
		final Histogram sinceDue = new Histogram(), sinceMade = new Histogram();
	}

	static synchronized Tally tally() {
		Tally t = new Tally();
		tallies.add(t);
		return t;
	}

	static synchronized long records() {
		return tallies.stream().mapToLong(t -> t.records.get()).sum();
	}

	static synchronized long checksum() {
		return tallies.stream().mapToLong(t -> t.checksum).sum();
	}

	static synchronized Histogram latency(boolean sinceDue) {
		Histogram all = new Histogram();
		tallies.forEach(t -> all.add(sinceDue ? t.sinceDue : t.sinceMade));
		return all;
	}

	static synchronized void stateSum(long part) {
		stateSum += part;
	}

	static synchronized long stateSum() {
		return stateSum;
	}

	static synchronized void blocksRead(int subtask, long n) {
		blocks.put(subtask, n);
	}

	static synchronized List<Long> blocks() {
		return new ArrayList<>(blocks.values());
	}

	/** Nanoseconds in buckets of at most 1/32 of their value. */
	static final class Histogram {
		private final long[] counts = new long[64 * 32];
		private long max;

		void add(long ns) {
			long v = Math.max(ns, 0);
			max = Math.max(max, v);
			int shift = Math.max(0, 58 - Long.numberOfLeadingZeros(v | 1));
			counts[shift * 32 + (int) (v >>> shift)]++;
		}

		void add(Histogram other) {
			max = Math.max(max, other.max);
			for (int i = 0; i < counts.length; i++)
				counts[i] += other.counts[i];
		}

		/** In microseconds: the upper end of the bucket that holds the quantile. */
		double us(double quantile) {
			long all = 0, seen = 0;
			for (long c : counts)
				all += c;
			for (int i = 0; i < counts.length; i++) {
				seen += counts[i];
				if (counts[i] > 0 && seen >= all * quantile) {
					int shift = Math.max(0, i / 32 - 1), rest = i - shift * 32;
					return Math.min(((rest + 1L) << shift) - 1, max) / 1e3;
				}
			}
			return 0;
		}

		double maxUs() {
			return max / 1e3;
		}
	}
}
