package bench;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.api.java.tuple.Tuple;
import org.apache.flink.types.LongValue;

/**
 * Discard - the sink: counts its records, adds them to the checksum of weir's blackhole_sink, and
 * forgets them. Of W6's the third and fourth field are times: latencies go into histograms.
 */
final class Discard<T extends Tuple> implements Sink<T> {
	private final boolean words, timed;

	Discard(boolean words, boolean timed) {
		this.words = words;
		this.timed = timed;
	}

	@Override
	public SinkWriter<T> createWriter(WriterInitContext context) {
		return new Writer();
	}

	private final class Writer implements SinkWriter<T> {
		private static final long PUBLISH_EVERY = 256;
		private final Live.Tally tally = Live.tally();
		private long records, checksum;

		@Override
		public void write(T update, Context context) {
			long part = words ? Mix.ofWord(update.getField(0)) : Mix.ofNumber(update.getField(0));
			LongValue sum = update.getField(1);
			checksum += Mix.ofRecord(part, sum.getValue());
			if (timed) {
				long due = update.getField(2), made = update.getField(3), now = System.nanoTime();
				if (Live.measuring) {
					tally.sinceDue.add(now - due);
					tally.sinceMade.add(now - made);
				}
			}
			if (++records % PUBLISH_EVERY == 0)
				tally.records.lazySet(records);
		}

		@Override
		public void flush(boolean ends) {
			tally.records.set(records);
			tally.checksum = checksum;
		}

		@Override
		public void close() {
			flush(true);
		}
	}
}
