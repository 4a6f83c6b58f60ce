package bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * Blocks - a source of numbered blocks of records, exactly-once: subtask s of n reads the blocks s,
 * s + n, ... and ends at the first border of a block after Live.stop, so that what it read can be
 * told in two numbers. One pollNext emits many records: less is spent per record than in the ways
 * that hand over one at a time.
 */
final class Blocks<T> implements Source<T, Blocks.Position, Integer> {
	/** What makes the records of a block; one object for each reader. */
	interface Feed<T> extends java.io.Serializable {
		void open() throws IOException;

		/** Emits some records of the block from `at` on; returns where to go on, or -1 at its end. */
		long emit(long block, long at, ReaderOutput<T> out) throws Exception;
	}

	/** Where a subtask is: the only split it has. */
	static final class Position implements SourceSplit {
		final int subtask;
		long block, at;

		Position(int subtask, long block, long at) {
			this.subtask = subtask;
			this.block = block;
			this.at = at;
		}

		@Override
		public String splitId() {
			return Integer.toString(subtask);
		}
	}

	private final Feed<T> feed;

	Blocks(Feed<T> feed) {
		this.feed = feed;
	}

	@Override
	public Boundedness getBoundedness() {
		return Boundedness.CONTINUOUS_UNBOUNDED;
	}

	@Override
	public SourceReader<T, Position> createReader(SourceReaderContext context) throws Exception {
		return new Reader<>(feed, context.currentParallelism());
	}

	@Override
	public SplitEnumerator<Position, Integer> createEnumerator(
			SplitEnumeratorContext<Position> context) {
		return new Dealer(context, true);
	}

	/** After a restore the readers have their positions in their own state. */
	@Override
	public SplitEnumerator<Position, Integer> restoreEnumerator(
			SplitEnumeratorContext<Position> context, Integer state) {
		return new Dealer(context, false);
	}

	@Override
	public SimpleVersionedSerializer<Position> getSplitSerializer() {
		return new Format<>() {
			@Override
			public byte[] serialize(Position p) {
				return ByteBuffer.allocate(20).putInt(p.subtask).putLong(p.block).putLong(p.at)
						.array();
			}

			@Override
			public Position deserialize(int version, byte[] bytes) {
				ByteBuffer b = ByteBuffer.wrap(bytes);
				return new Position(b.getInt(), b.getLong(), b.getLong());
			}
		};
	}

	@Override
	public SimpleVersionedSerializer<Integer> getEnumeratorCheckpointSerializer() {
		return new Format<>() {
			@Override
			public byte[] serialize(Integer nothing) {
				return new byte[1];
			}

			@Override
			public Integer deserialize(int version, byte[] bytes) {
				return 0;
			}
		};
	}

	private abstract static class Format<E> implements SimpleVersionedSerializer<E> {
		@Override
		public int getVersion() {
			return 1;
		}
	}

	/** Gives each reader its first block, once. */
	private static final class Dealer implements SplitEnumerator<Position, Integer> {
		private final SplitEnumeratorContext<Position> context;
		private final BitSet served = new BitSet();
		private final boolean fresh;

		Dealer(SplitEnumeratorContext<Position> context, boolean fresh) {
			this.context = context;
			this.fresh = fresh;
		}

		@Override
		public void start() {}

		@Override
		public void handleSplitRequest(int subtask, String host) {}

		@Override
		public void addSplitsBack(List<Position> splits, int subtask) {
			for (Position p : splits)
				context.assignSplit(p, subtask);
		}

		@Override
		public void addReader(int subtask) {
			if (fresh && !served.get(subtask)) {
				served.set(subtask);
				context.assignSplit(new Position(subtask, subtask, 0), subtask);
			}
		}

		@Override
		public Integer snapshotState(long checkpoint) {
			return 0;
		}

		@Override
		public void close() {}
	}

	private static final class Reader<T> implements SourceReader<T, Position> {
		private final Feed<T> feed;
		private final int step;
		private final CompletableFuture<Void> given = new CompletableFuture<>();
		private Position here;

		Reader(Feed<T> feed, int step) {
			this.feed = feed;
			this.step = step;
		}

		@Override
		public void start() {
			try {
				feed.open();
			} catch (IOException e) {
				throw new java.io.UncheckedIOException(e);
			}
		}

		@Override
		public InputStatus pollNext(ReaderOutput<T> out) throws Exception {
			if (here == null)
				return InputStatus.NOTHING_AVAILABLE;
			if (here.at == 0 && Live.stop) {
				Live.blocksRead(here.subtask, (here.block - here.subtask) / step);
				return InputStatus.END_OF_INPUT;
			}
			here.at = feed.emit(here.block, here.at, out);
			if (here.at < 0) {
				here.block += step;
				here.at = 0;
			}
			return InputStatus.MORE_AVAILABLE;
		}

		@Override
		public List<Position> snapshotState(long checkpoint) {
			List<Position> all = new ArrayList<>();
			if (here != null)
				all.add(new Position(here.subtask, here.block, here.at));
			return all;
		}

		@Override
		public CompletableFuture<Void> isAvailable() {
			return given;
		}

		@Override
		public void addSplits(List<Position> splits) {
			here = splits.get(0);
			given.complete(null);
		}

		@Override
		public void notifyNoMoreSplits() {}

		@Override
		public void close() {}
	}
}
