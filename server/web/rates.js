// rates.js - facts hold totals since a process began; rates are the difference of two of them. After
// a recovery the totals begin anew: then the first facts give no rate.
import {num} from './dom.js';

const KEPT_S = 60;
const all = new Map();

// Those of a job by this name, wherever they are shown: the last minute is still there when one comes back.
export function ratesOf(name) {
	if (!all.has(name))
		all.set(name, new Rates());
	return all.get(name);
}

export class Rates {
	constructor() {
		this.before = null;
		this.history = []; // [seconds on the server's clock, records/s into the job] of the last minute
		this.in = this.out = null;
		this.stage = [];   // per stage: in, out (records/s), busy, idle, back (parts of 1)
		this.edge = [];    // per edge: records/s
	}

	take(facts) {
		const b = this.before;
		const same = b && b.pid === facts.pid && b.attempt === facts.attempt &&
			b.stages.length === facts.stages.length;
		const us = same ? num(facts.now_us) - num(b.now_us) : 0;
		if (same && us <= 0)
			return;
		this.before = facts;
		const per = (now, then) => us > 0 ? Math.max(0, num(now) - num(then)) / us * 1e6 : null;
		this.stage = facts.stages.map((st, i) => {
			const old = us > 0 ? b.stages[i] : st;
			const time = ['busy_us', 'idle_us', 'backpressured_us'].map(k => Math.max(0, num(st[k]) - num(old[k])));
			const all = time[0] + time[1] + time[2] || 1;
			return {in: per(st.records_in, old.records_in), out: per(st.records_out, old.records_out),
				busy: time[0] / all, idle: time[1] / all, back: time[2] / all,
				known: us > 0 && all > 1};
		});
		this.edge = (facts.edges || []).map((ed, i) =>
			us > 0 && b.edges && b.edges[i] ? per(ed.records, b.edges[i].records) : null);
		const reads = st => !st.n_inputs && !(st.inputs && st.inputs.length);
		const fed = new Set(facts.stages.flatMap(st => st.inputs || st.input || []));
		const sum = (of, key) => us > 0
			? facts.stages.reduce((n, st, i) => n + (of(st, i) ? this.stage[i][key] : 0), 0) : null;
		this.in = sum(reads, 'out');
		this.out = sum((st, i) => !fed.has(i), 'in');
		if (us > 0) {
			const now = num(facts.now_us) / 1e6;
			this.history = [...this.history.filter(([at]) => at > now - KEPT_S && at < now), [now, this.in]];
		}
	}
}
