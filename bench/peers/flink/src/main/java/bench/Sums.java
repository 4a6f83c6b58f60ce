package bench;

import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.types.LongValue;
import org.apache.flink.util.Collector;

/**
 * Sums - the operators between source and sink. The keyed ones hold a mutable LongValue in a
 * ValueState and change it in place, an update for each record: on the heap that is one look-up
 * (the backend copies a value itself while a snapshot still needs the old one); in RocksDB it must
 * be put back.
 *
 * The state's checksum is kept as a difference, S(key, new) - S(key, old), where asked for: nothing
 * else tells the state's content at the end, and with two sources updates come in any order.
 */
final class Sums {
	private Sums() {}

	/** Words of a line, at white space. */
	static final class Split implements FlatMapFunction<String, String> {
		@Override
		public void flatMap(String line, Collector<String> out) {
			int n = line.length(), from = 0;
			while (from < n) {
				if (line.charAt(from) <= ' ') {
					from++;
					continue;
				}
				int to = from + 1;
				while (to < n && line.charAt(to) > ' ')
					to++;
				out.collect(line.substring(from, to));
				from = to;
			}
		}
	}

	abstract static class Sum<K, I, O> extends KeyedProcessFunction<K, I, O> {
		private final boolean putBack, checked;
		private transient ValueState<LongValue> state;
		private transient long stateSum;

		Sum(boolean putBack, boolean checked) {
			this.putBack = putBack;
			this.checked = checked;
		}

		@Override
		public void open(OpenContext context) {
			state = getRuntimeContext()
					.getState(new ValueStateDescriptor<>("sum", LongValue.class));
		}

		abstract long keyPart(K key);

		/** Adds and returns the sum. */
		final LongValue add(K key, long value) throws Exception {
			LongValue sum = state.value();
			if (sum == null) {
				sum = new LongValue(value);
				state.update(sum);
				if (checked)
					stateSum += Mix.ofRecord(keyPart(key), value);
				return sum;
			}
			long old = sum.getValue();
			sum.setValue(old + value);
			if (putBack)
				state.update(sum);
			if (checked) {
				long part = keyPart(key);
				stateSum += Mix.ofRecord(part, old + value) - Mix.ofRecord(part, old);
			}
			return sum;
		}

		@Override
		public void close() {
			Live.stateSum(stateSum);
		}
	}

	static final class Words extends Sum<String, String, Tuple2<String, LongValue>> {
		private transient Tuple2<String, LongValue> update;

		Words(boolean putBack, boolean checked) {
			super(putBack, checked);
		}

		@Override
		public void open(OpenContext context) {
			super.open(context);
			update = new Tuple2<>();
		}

		@Override
		long keyPart(String word) {
			return Mix.ofWord(word);
		}

		@Override
		public void processElement(String word, Context context,
				Collector<Tuple2<String, LongValue>> out) throws Exception {
			update.f0 = word;
			update.f1 = add(word, 1);
			out.collect(update);
		}
	}

	static final class Numbers
			extends Sum<Long, Tuple2<Long, Long>, Tuple2<Long, LongValue>> {
		private transient Tuple2<Long, LongValue> update;

		Numbers(boolean putBack, boolean checked) {
			super(putBack, checked);
		}

		@Override
		public void open(OpenContext context) {
			super.open(context);
			update = new Tuple2<>();
		}

		@Override
		long keyPart(Long key) {
			return Mix.ofNumber(key);
		}

		@Override
		public void processElement(Tuple2<Long, Long> row, Context context,
				Collector<Tuple2<Long, LongValue>> out) throws Exception {
			update.f0 = row.f0;
			update.f1 = add(row.f0, row.f1);
			out.collect(update);
		}
	}

	/** With the times of a row, for W6. */
	static final class Timed
			extends Sum<Long, Tuple4<Long, Long, Long, Long>, Tuple4<Long, LongValue, Long, Long>> {
		private transient Tuple4<Long, LongValue, Long, Long> update;

		Timed(boolean putBack, boolean checked) {
			super(putBack, checked);
		}

		@Override
		public void open(OpenContext context) {
			super.open(context);
			update = new Tuple4<>();
		}

		@Override
		long keyPart(Long key) {
			return Mix.ofNumber(key);
		}

		@Override
		public void processElement(Tuple4<Long, Long, Long, Long> row, Context context,
				Collector<Tuple4<Long, LongValue, Long, Long>> out) throws Exception {
			update.f0 = row.f0;
			update.f1 = add(row.f0, row.f1);
			update.f2 = row.f2;
			update.f3 = row.f3;
			out.collect(update);
		}
	}
}
