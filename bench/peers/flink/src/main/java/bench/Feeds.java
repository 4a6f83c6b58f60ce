package bench;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;

/** Feeds - what the sources read: lines of a text in memory's page cache, generated numbers. */
final class Feeds {
	private Feeds() {}

	/**
	 * The text, over and over. Block b is piece b % PIECES of it: the lines that begin in
	 * [size * piece / PIECES, size * (piece + 1) / PIECES).
	 */
	static final class Lines implements Blocks.Feed<String> {
		static final int PIECES = 64, A_TIME = 32, LINE_MAX = 1 << 16;
		private final String path;
		private transient RandomAccessFile file;
		private transient byte[] piece;
		private transient int end;
		private transient long loaded;

		Lines(String path) {
			this.path = path;
		}

		@Override
		public void open() throws IOException {
			file = new RandomAccessFile(path, "r");
			piece = new byte[(int) (file.length() / PIECES) + 1 + LINE_MAX];
			loaded = -1;
		}

		/** The first line that begins at or after `at`. */
		private long lineFrom(long at) throws IOException {
			if (at == 0)
				return 0;
			file.seek(at - 1);
			byte[] some = new byte[LINE_MAX];
			int n = file.read(some);
			for (int i = 0; i < n; i++)
				if (some[i] == '\n')
					return at + i;
			throw new IOException("a line of more than " + LINE_MAX + " bytes, or a last one cut short");
		}

		private void load(long block) throws IOException {
			long size = file.length(), n = block % PIECES;
			long from = lineFrom(size * n / PIECES), to = lineFrom(size * (n + 1) / PIECES);
			end = (int) (to - from);
			file.seek(from);
			file.readFully(piece, 0, end);
			loaded = block;
		}

		@Override
		public long emit(long block, long at, ReaderOutput<String> out) throws Exception {
			if (loaded != block)
				load(block);
			int from = (int) at;
			for (int n = 0; n < A_TIME && from < end; n++) {
				int to = from;
				while (piece[to] != '\n')
					to++;
				out.collect(new String(piece, from, to - from, StandardCharsets.ISO_8859_1));
				from = to + 1;
			}
			return from < end ? from : -1;
		}
	}

	/** The key of row i: of W2, or of W3 where the first `first` rows each have a key of their own. */
	private static long key(long i, long first, long keys) {
		return i < first ? i : Long.remainderUnsigned(Mix.splitmix64(i), keys);
	}

	static final int ROWS = 1 << 16; // of a block

	/** Rows (key, i % 256), i = 0, 1, ... */
	static final class Numbers implements Blocks.Feed<Tuple2<Long, Long>> {
		private static final int A_TIME = 256;
		private final long first, keys;
		private transient Tuple2<Long, Long> row;

		Numbers(long first, long keys) {
			this.first = first;
			this.keys = keys;
		}

		@Override
		public void open() {
			row = new Tuple2<>();
		}

		@Override
		public long emit(long block, long at, ReaderOutput<Tuple2<Long, Long>> out) {
			for (int n = 0; n < A_TIME; n++) {
				long i = block * ROWS + at++;
				row.f0 = key(i, first, keys);
				row.f1 = i % 256;
				out.collect(row);
			}
			return at < ROWS ? at : -1;
		}
	}

	/**
	 * Rows (key, i % 256, when it was due, when it was made: in ns), `rate` a second. It spins for
	 * its next row: the shortest latency a source can give.
	 */
	static final class Paced implements Blocks.Feed<Tuple4<Long, Long, Long, Long>> {
		private final long keys;
		private final double periodNs;
		private transient Tuple4<Long, Long, Long, Long> row;
		private transient long began;

		Paced(long keys, double rate) {
			this.keys = keys;
			this.periodNs = 1e9 / rate;
		}

		@Override
		public void open() {
			row = new Tuple4<>();
			began = 0;
		}

		@Override
		public long emit(long block, long at, ReaderOutput<Tuple4<Long, Long, Long, Long>> out) {
			long now = System.nanoTime();
			if (began == 0)
				began = now;
			for (int n = 0; n < 256 && at < ROWS; n++) {
				long i = block * ROWS + at;
				long due = began + (long) (i * periodNs);
				if (due > now)
					break;
				row.f0 = key(i, 0, keys);
				row.f1 = i % 256;
				row.f2 = due;
				row.f3 = System.nanoTime();
				out.collect(row);
				at++;
			}
			return at < ROWS ? at : -1;
		}
	}
}
