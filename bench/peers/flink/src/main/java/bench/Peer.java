package bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.checkpoint.AbstractCheckpointStats;
import org.apache.flink.runtime.checkpoint.CheckpointStatsStatus;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.types.LongValue;

/**
 * Peer - runs one workload on an embedded Flink cluster and prints one line of JSON:
 *
 *   bench.Peer work=w1|w2|w3|w6 backend=hashmap|rocksdb parallelism=N seconds=S warm=S text=FILE
 *              interval=MS (0: no checkpoints) dir=FOLDER keys=N hot=N rate=N flush=MS fused=0|1
 *
 * Warm-up, then a window of `seconds` in which records, CPU time and checkpoints are counted, then
 * the sources end at a border of a block and the sums of everything from the first record on are
 * printed, for somebody else to compare.
 */
public final class Peer {
	private final Map<String, String> options = new HashMap<>();

	private Peer(String[] arguments) {
		for (String a : arguments)
			options.put(a.substring(0, a.indexOf('=')), a.substring(a.indexOf('=') + 1));
	}

	private String text(String name, String standard) {
		return options.getOrDefault(name, standard);
	}

	private long number(String name, long standard) {
		return Long.parseLong(text(name, Long.toString(standard)));
	}

	private Configuration configuration() {
		Configuration c = new Configuration();
		boolean rocks = text("backend", "hashmap").equals("rocksdb");
		c.setString("state.backend.type", rocks ? "rocksdb" : "hashmap");
		c.setString("pipeline.object-reuse", "true");
		c.setString("parallelism.default", text("parallelism", "1"));
		c.setString("taskmanager.memory.managed.size", rocks ? "1g" : "1m");
		c.setString("web.checkpoints.history", "10000");
		c.setString("rest.bind-port", "0");
		c.setString("restart-strategy.type", "none"); // what a restart did twice would count twice
		c.setString("heartbeat.timeout", "300000"); // ms: a busy machine is no dead one
		c.setString("execution.checkpointing.tolerable-failed-checkpoints", "1000"); // shown, too
		if (number("interval", 1000) > 0) {
			c.setString("execution.checkpointing.interval", number("interval", 1000) + "ms");
			c.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
			c.setString("execution.checkpointing.storage", "filesystem");
			c.setString("execution.checkpointing.dir", Path.of(text("dir", ".")).toUri().toString());
			c.setString("execution.checkpointing.incremental", Boolean.toString(rocks));
		}
		if (options.containsKey("flush"))
			c.setString("execution.buffer-timeout.interval", text("flush", "100") + "ms");
		return c;
	}

	private static <T> DataStream<T> source(StreamExecutionEnvironment env, Blocks.Feed<T> feed,
			TypeInformation<T> type) {
		return env.fromSource(new Blocks<>(feed), WatermarkStrategy.noWatermarks(), "rows", type);
	}

	/** With fused=1 and one subtask nothing is sent anywhere: all operators are one task. */
	private <T, K> KeyedStream<T, K> by(DataStream<T> rows, KeySelector<T, K> key,
			TypeInformation<K> type) {
		return number("fused", 0) == 0 ? rows.keyBy(key, type)
				: DataStreamUtils.reinterpretAsKeyedStream(rows, key, type);
	}

	private void describe(StreamExecutionEnvironment env) {
		boolean putBack = text("backend", "hashmap").equals("rocksdb");
		boolean checked = number("parallelism", 1) > 1;
		long keys = number("keys", 1000000), hot = number("hot", 0);
		TypeInformation<Long> l = Types.LONG;
		TypeInformation<LongValue> sum = Types.VALUE(LongValue.class);
		switch (text("work", "w2")) {
			case "w1":
				by(source(env, new Feeds.Lines(text("text", "")), Types.STRING)
								.flatMap(new Sums.Split()).returns(Types.STRING),
						word -> word, Types.STRING)
						.process(new Sums.Words(putBack, checked), Types.TUPLE(Types.STRING, sum))
						.sinkTo(new Discard<>(true, false));
				break;
			case "w6":
				by(source(env, new Feeds.Paced(keys, number("rate", 100000)), Types.TUPLE(l, l, l, l)),
						row -> row.f0, l)
						.process(new Sums.Timed(putBack, checked), Types.TUPLE(l, sum, l, l))
						.sinkTo(new Discard<>(false, true));
				break;
			default:
				by(source(env, new Feeds.Numbers(hot > 0 ? keys : 0, hot > 0 ? hot : keys),
								Types.TUPLE(l, l)),
						row -> row.f0, l)
						.process(new Sums.Numbers(putBack, checked), Types.TUPLE(l, sum))
						.sinkTo(new Discard<>(false, false));
		}
	}

	/** What is measured at both ends of the window. */
	private static final class Sample {
		final long records = Live.records(), ns = System.nanoTime();
		final long wallMs = System.currentTimeMillis();
		final long cpuNs = ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
				.getProcessCpuTime();
	}

	private static long peakRssBytes() throws Exception {
		for (String line : Files.readAllLines(Path.of("/proc/self/status")))
			if (line.startsWith("VmHWM:"))
				return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
		return 0;
	}

	/** Fails early instead of measuring nothing if the job does. */
	private static void sleep(MiniCluster cluster, JobID job, long ms) throws Exception {
		Thread.sleep(ms);
		if (cluster.getJobStatus(job).get().isTerminalState())
			throw cluster.requestJobResult(job).get().getSerializedThrowable()
					.<Exception>map(t -> new Exception(t.getFullStringifiedStackTrace()))
					.orElse(new Exception("the job ended by itself"));
	}

	private static String list(List<Long> numbers) {
		return numbers.toString();
	}

	/** The checkpoints that ended in the window, or failed that began in it. */
	private static String checkpoints(MiniCluster cluster, JobID job, Sample a, Sample b)
			throws Exception {
		List<Long> bytes = new ArrayList<>(), ms = new ArrayList<>();
		int failed = 0;
		for (AbstractCheckpointStats s : cluster.getExecutionGraph(job).get()
				.getCheckpointStatsSnapshot().getHistory().getCheckpoints()) {
			boolean done = s.getStatus() == CheckpointStatsStatus.COMPLETED;
			long at = s.getTriggerTimestamp() + (done ? s.getEndToEndDuration() : 0);
			if (at < a.wallMs || at > b.wallMs)
				continue;
			if (done) {
				bytes.add(s.getCheckpointedSize());
				ms.add(s.getEndToEndDuration());
			} else if (s.getStatus() == CheckpointStatsStatus.FAILED) {
				failed++;
			}
		}
		return "{\"completed\":" + bytes.size() + ",\"failed\":" + failed + ",\"bytes\":" + list(bytes)
				+ ",\"ms\":" + list(ms) + "}";
	}

	private void run() throws Exception {
		Configuration conf = configuration();
		StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(conf);
		describe(env);
		MiniClusterConfiguration.Builder size = new MiniClusterConfiguration.Builder()
				.setConfiguration(conf).setNumTaskManagers(1)
				.setNumSlotsPerTaskManager((int) number("parallelism", 1)).withRandomPorts();
		try (MiniCluster cluster = new MiniCluster(size.build())) {
			cluster.start();
			JobGraph graph = env.getStreamGraph().getJobGraph();
			JobID job = graph.getJobID();
			cluster.submitJob(graph).get();
			while (Live.records() == 0)
				sleep(cluster, job, 10);
			double firstS = (System.currentTimeMillis()
					- ManagementFactory.getRuntimeMXBean().getStartTime()) / 1e3;
			while (number("hot", 0) > 0 && Live.records() < number("keys", 0))
				sleep(cluster, job, 100);
			sleep(cluster, job, number("warm", 5) * 1000);
			Live.measuring = true;
			Sample a = new Sample();
			sleep(cluster, job, number("seconds", 10) * 1000);
			Sample b = new Sample();
			Live.measuring = false;
			String checkpoints = checkpoints(cluster, job, a, b);
			Live.stop = true;
			JobResult result = cluster.requestJobResult(job).get();
			if (!result.isSuccess())
				throw new Exception(result.getSerializedThrowable().map(
						t -> t.getFullStringifiedStackTrace()).orElse("the job failed"));
			print(a, b, checkpoints, firstS);
		}
	}

	private static String latency(boolean sinceDue) {
		Live.Histogram l = Live.latency(sinceDue);
		return String.format(Locale.ROOT, "{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}",
				l.us(.5), l.us(.99), l.us(.999), l.maxUs());
	}

	private void print(Sample a, Sample b, String checkpoints, double firstS) throws Exception {
		double seconds = (b.ns - a.ns) / 1e9;
		String latency = text("work", "").equals("w6") ? ",\"latency_us\":" + latency(true)
				+ ",\"latency_since_made_us\":" + latency(false) : "";
		System.out.printf(Locale.ROOT, "{\"version\":\"%s\",\"records\":%d,\"seconds\":%.3f,"
				+ "\"cpu_s\":%.3f,\"peak_rss_bytes\":%d,\"total\":%d,\"blocks\":%s,"
				+ "\"checksum\":\"%016x\",\"state_checksum\":\"%016x\",\"first_s\":%.2f,"
				+ "\"checkpoints\":%s%s}%n", EnvironmentInformation.getVersion(),
				b.records - a.records, seconds, (b.cpuNs - a.cpuNs) / 1e9, peakRssBytes(),
				Live.records(), list(Live.blocks()), Live.checksum(), Live.stateSum(), firstS,
				checkpoints, latency);
	}

	public static void main(String[] arguments) throws Exception {
		Duration patience = Duration.ofMinutes(10); // a job that hangs must not hold up a suite
		Thread watch = new Thread(() -> {
			try {
				Thread.sleep(patience.toMillis());
				System.err.println("no end after " + patience);
				Runtime.getRuntime().halt(1);
			} catch (InterruptedException e) {
				Thread.currentThread().interrupt();
			}
		});
		watch.setDaemon(true);
		watch.start();
		new Peer(arguments).run();
		System.exit(0);
	}
}
